"""Records as aiokafka has read them, without the object that it wraps around each: that costs more than reading does."""

from collections import OrderedDict
from typing import Any

from aiokafka.consumer.fetcher import FetchResult


def _bare(tp: Any, record: Any) -> Any:
    """Stand in for aiokafka's wrapping of a record, which costs more than reading it."""
    return record


class Unwrapped(OrderedDict[Any, Any]):
    """Where aiokafka's fetcher keeps what it has read: makes it hand out the records of our sources as they are."""

    def __init__(self, sources: frozenset[str]) -> None:
        super().__init__()
        self._sources = sources

    def __setitem__(self, tp: Any, held: Any) -> None:
        if isinstance(held, FetchResult) and tp.topic in self._sources:
            held._partition_records._consumer_record = _bare  # noqa: SLF001  # one result, not the class
        super().__setitem__(tp, held)
