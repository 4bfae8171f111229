"""Lines of the Online Retail set, cleaned: what is a sale or a cancellation of a product, and why the rest is not.

Source: Daqing Chen, Online Retail, UCI Machine Learning Repository, 2015, doi 10.24432/C5BW33.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from supplychain.domain.errors import InvalidInputError, NotFoundError

ZONE: Final = ZoneInfo("Europe/London")
CURRENCY: Final = "GBP"
LARGEST: Final = 10_000
"""Two orders of 74,000 to 81,000 pieces were cancelled minutes later; a line above this is no demand."""

COUNTRIES: Final = {
    "Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Brazil": "BR", "Canada": "CA",
    "Channel Islands": "GB-CHA", "Cyprus": "CY", "Czech Republic": "CZ", "Denmark": "DK", "EIRE": "IE",
    "European Community": "EU", "Finland": "FI", "France": "FR", "Germany": "DE", "Greece": "GR", "Hong Kong": "HK",
    "Iceland": "IS", "Israel": "IL", "Italy": "IT", "Japan": "JP", "Lebanon": "LB", "Lithuania": "LT", "Malta": "MT",
    "Netherlands": "NL", "Norway": "NO", "Poland": "PL", "Portugal": "PT", "RSA": "ZA", "Saudi Arabia": "SA",
    "Singapore": "SG", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH", "USA": "US",
    "United Arab Emirates": "AE", "United Kingdom": "GB",
}  # fmt: skip
"""ISO 3166-1 codes; EU and GB-CHA stand for places that have none of their own."""

NO_PRODUCT: Final = "the stock code is no product"
TOO_MANY: Final = "more than 10,000 pieces"
CORRECTION: Final = "a stock correction, no sale"
NO_PRICE: Final = "no price"
NO_COUNTRY: Final = "the country is not known"
INCOMPLETE: Final = "invoice, time or quantity is missing"
REASONS: Final = (INCOMPLETE, NO_PRODUCT, TOO_MANY, CORRECTION, NO_PRICE, NO_COUNTRY)

_COLUMNS: Final = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "Country")

Ints = NDArray[np.int64]
Words = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class RetailLines:
    """Invoice lines in order of time, one array per column, all of shape (lines,).

    Parameters
    ----------
    digest
        SHA-256 of the file, hexadecimal.
    row
        Place of the line in the file, from 0.
    at
        UTC milliseconds.
    pieces
        Always positive; `cancelled` says which way they went.
    price
        Minor units.
    reason
        -1 for a line that counts, else a place in `REASONS`.
    """

    digest: str
    row: Ints
    invoice: Words
    sku: Words
    name: Words
    pieces: Ints
    at: Ints
    price: Ints
    region: Words
    cancelled: NDArray[np.bool_]
    reason: Ints

    def __len__(self) -> int:
        return int(self.row.shape[0])

    def only(self, kept: NDArray[np.bool_]) -> RetailLines:
        """Return the lines where `kept` is true."""
        names = [name for name in self.__dataclass_fields__ if name != "digest"]
        return RetailLines(self.digest, *(getattr(self, name)[kept] for name in names))

    def between(self, starts_at: int, ends_at: int) -> RetailLines:
        """Return the lines in [starts_at, ends_at)."""
        return self.only((self.at >= starts_at) & (self.at < ends_at))

    @property
    def sound(self) -> RetailLines:
        """The lines that count."""
        return self.only(self.reason < 0)

    @property
    def excluded(self) -> Counter[str]:
        """How many lines do not count, by reason."""
        return Counter(REASONS[int(place)] for place in self.reason[self.reason >= 0])


def read_lines(path: Path) -> RetailLines:
    """Read a parquet file of the Online Retail set; customers are never read.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InvalidInputError
        If it is no parquet file, or lacks a column.
    """
    if not path.is_file():
        detail = f"no file {path}"
        raise NotFoundError(detail, way_out="give the path of the parquet file", path=str(path))
    try:
        frame = pd.read_parquet(path, columns=list(_COLUMNS))
    except (OSError, ValueError, KeyError) as refused:
        detail = f"{path.name} is not readable as the Online Retail set: {refused}"
        raise InvalidInputError(detail, way_out="its columns are " + ", ".join(_COLUMNS), path=str(path)) from refused
    with path.open("rb") as content:
        digest = sha256(content.read()).hexdigest()
    return clean(frame, digest)


def clean(frame: pd.DataFrame, digest: str) -> RetailLines:
    """Return the lines of a frame with the columns of the set, each counted or given a reason why not.

    Raises
    ------
    InvalidInputError
        If times or quantities are of another type.
    """
    try:
        stamps = pd.to_datetime(frame["InvoiceDate"])
        quantity = pd.to_numeric(frame["Quantity"]).astype("float64")
        price = pd.to_numeric(frame["UnitPrice"]).astype("float64")
    except (ValueError, TypeError) as refused:
        detail = f"a column of the Online Retail set is of another type: {refused}"
        raise InvalidInputError(detail, way_out="use the set unchanged") from refused
    invoice = frame["InvoiceNo"].astype("string").fillna("").str.strip()
    sku = frame["StockCode"].astype("string").fillna("").str.strip().str.upper()
    region = frame["Country"].astype("string").map(COUNTRIES).astype("string").fillna("")
    cancelled = invoice.str.startswith("C").to_numpy(dtype=bool)
    wild = (
        stamps.isna() | quantity.isna() | (invoice == ""),
        ~sku.str.fullmatch(r"\d{5}[A-Z]{0,2}|DCGS\w+"),
        quantity.abs() > LARGEST,
        (quantity == 0) | (cancelled != (quantity < 0)),
        ~(price >= 0.005),
        region == "",
    )
    flags = np.stack([np.asarray(flag, dtype=bool) for flag in wild])
    reason = np.where(flags.any(axis=0), flags.argmax(axis=0), -1)
    lines = RetailLines(
        digest,
        np.arange(len(frame), dtype=np.int64),
        invoice.to_numpy(dtype=object),
        sku.to_numpy(dtype=object),
        frame["Description"].astype("string").fillna("").str.strip().to_numpy(dtype=object),
        np.nan_to_num(quantity.abs().to_numpy()).astype(np.int64),
        _utc(stamps),
        np.nan_to_num(np.rint(price.to_numpy() * 100)).astype(np.int64),
        region.to_numpy(dtype=object),
        cancelled,
        reason.astype(np.int64),
    )
    order = np.argsort(lines.at, kind="stable")
    names = [name for name in lines.__dataclass_fields__ if name != "digest"]
    return RetailLines(digest, *(getattr(lines, name)[order] for name in names))


def _utc(stamps: pd.Series[pd.Timestamp]) -> Ints:
    """Return UTC milliseconds of local stamps; a line without a stamp takes the one before it in the file."""
    filled = stamps.ffill().bfill()
    if filled.isna().any():
        return np.zeros(len(stamps), dtype=np.int64)
    # in the hour that comes twice the earlier one is meant: the shop is closed then, and no line tells otherwise
    local = filled.dt.tz_localize(ZONE, ambiguous=np.ones(len(filled), dtype=bool), nonexistent="shift_forward")
    return np.asarray(local.dt.as_unit("ms").astype("int64"), dtype=np.int64)
