"""Where the compiled reader cannot be had, work goes on and the log says why it is slow."""

from __future__ import annotations

import logging

import pytest

from supplychain.watching import bulk


def test_a_compiled_reader_that_cannot_be_loaded_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(bulk, "import_module", refuse)
    bulk._loading.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            with pytest.raises(ImportError):
                bulk.scanning()
            assert not bulk.is_ready()
            bulk._loading()
    finally:
        bulk._loading.cache_clear()
    (said,) = [record for record in caplog.records if record.name == bulk.__name__]
    assert "one by one" in said.getMessage()
    assert said.exc_info is not None
