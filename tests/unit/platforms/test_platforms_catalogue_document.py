"""The stored form of a catalogue: what cannot be read is refused by name."""

import pytest

from supplychain.domain.errors import InvalidInputError
from supplychain.domain.network import Catalogue, Region, Sku
from supplychain.platforms.catalogue_document import catalogue_document, catalogue_from

SMALL = Catalogue({"A": Sku("A", "a", "c", 5, 2)}, {}, {}, {}, {}, {"R": Region("R", "r")})


def test_documents_of_equal_catalogues_are_equal() -> None:
    assert catalogue_from(catalogue_document(SMALL)) == SMALL


def test_unknown_and_unreadable_parts_are_refused() -> None:
    document = catalogue_document(SMALL)
    with pytest.raises(InvalidInputError, match="no part 'colour'"):
        catalogue_from({**document, "colour": 1})
    with pytest.raises(InvalidInputError, match="price_minor"):
        catalogue_from({**document, "skus": {"A": {**document["skus"]["A"], "price_minor": "5"}}})
    with pytest.raises(InvalidInputError, match="regions"):
        catalogue_from({name: part for name, part in document.items() if name != "regions"})
