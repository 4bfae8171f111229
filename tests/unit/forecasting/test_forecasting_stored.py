"""What earlier code has stored is still read, and says what it said then."""

import json
from pathlib import Path

import numpy as np
import pytest

from supplychain.forecasting.item_record import item_model_from_json
from supplychain.forecasting.items import predict_items
from supplychain.forecasting.prior_record import from_json
from supplychain.forecasting.session_lessons import lessons_from_json
from tests.unit.forecasting.test_forecasting_items import world

STORED = Path(__file__).with_name("stored")


def test_an_item_model_of_version_1_forecasts() -> None:
    model = item_model_from_json((STORED / "items-1.json").read_text())
    forecast = predict_items(model, world(40, 120), range(7))
    assert model.method == "lightgbm"
    assert forecast.mean.sum() == pytest.approx(1804.9048753, rel=1e-6)
    assert np.all(np.diff(forecast.quantiles, axis=-1) >= 0)


def test_a_prior_of_version_1_forecasts_and_explains() -> None:
    prior = from_json((STORED / "prior-1.json").read_text())
    told = {"session_hours": np.array([0.0, 3.0]), "price_change": np.array([-0.3, 0.0]), "holiday": np.zeros(2)}
    forecast = prior.predict(np.array([20_120, 20_121]), told)
    assert forecast.mean == pytest.approx([195.073265380477, 200.13252995570463])
    assert forecast.components["session_hours"] == pytest.approx([-0.08407915, 0.3363166])
    with pytest.raises(ValueError, match="needs price_change for each day"):
        prior.predict(np.array([20_120]), {"session_hours": np.zeros(1), "holiday": np.zeros(1)})


def test_lessons_of_version_1_before_pools_are_read() -> None:
    text = (STORED / "lessons-1.json").read_text()
    stored, lessons = json.loads(text)["session"], lessons_from_json(text).session
    assert "pools" not in stored
    assert dict(lessons.rates) == stored["rates"]
    assert lessons.rate("A", "host") == stored["rates"]["A"] * stored["hosts"]["host"]
    assert lessons.rate("new", "host", "cream", 4_000) == stored["rates"][""] * stored["hosts"]["host"]
    assert lessons.tempered("cream", heard=False) is None
