"""How an array of the problem declares its shape, its unit and its limits, so that one function can check them all.

A problem has some seventy arrays. Declaring what each may hold beside its name keeps the door check complete: an array
without a declaration does not exist, and every fault is reported with field, reason and position.
"""

from __future__ import annotations

from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Table = TypeVar("Table", bound=DataclassInstance)
else:
    Table = TypeVar("Table")

Amount: TypeAlias = npt.NDArray[np.integer[Any]]
Index: TypeAlias = npt.NDArray[np.integer[Any]]
Flag: TypeAlias = npt.NDArray[np.bool_]

AMOUNT_LIMIT: Final = 10**12
"""Largest single amount: a product of two such numbers is still far from what a double holds without an exponent."""
STAMP_LIMIT: Final = 10**15


class ProblemError(ValueError):
    """A fault in the arrays of a problem.

    Attributes
    ----------
    field : dotted name of the array, such as ``modes.moq``.
    reason : what is wrong, in words.
    index : position of the first offending element, or None when the array as a whole is wrong.
    """

    def __init__(self, field: str, reason: str, index: tuple[int, ...] | None = None) -> None:
        self.field = field
        self.reason = reason
        self.index = index
        where = "" if index is None else f"[{', '.join(map(str, index))}]"
        super().__init__(f"{field}{where}: {reason}")

    def __reduce__(self) -> tuple[type[ProblemError], tuple[str, str, tuple[int, ...] | None]]:
        """Survive the way back from a process pool."""
        return type(self), (self.field, self.reason, self.index)


class Column(NamedTuple):
    """Declaration of one array: dtype, axes by letter, limits and default (None = must be given)."""

    dtype: type[np.generic]
    axes: str
    low: int
    high: int | str
    default: int | str | None


_PLACE: Final = "column"
NO_ROWS: Final = np.zeros(0, dtype=np.int64)
"""Column of a table without rows."""
SPECIAL: Final = np.zeros(0, dtype=np.int64)
"""Stands for a column whose default depends on other columns; the table's owner replaces it."""


def amount(axes: str, *, default: int | None = None, low: int = 0, high: int = AMOUNT_LIMIT) -> Any:
    """Declare pieces, money, volume or milliseconds: int64."""
    return _declare(Column(np.int64, axes, low, high, default))


def index(axes: str, into: str, *, default: int | str | None = None, low: int = 0, beyond: int = 0) -> Any:
    """Declare references into axis `into`: int32; `low=-1` allows "none", `beyond=1` allows the axis's length itself."""
    return _declare(Column(np.int32, axes, low, into + "+" * beyond, default))


def flag(axes: str, *, default: int | None = 0) -> Any:
    """Declare yes or no."""
    return _declare(Column(np.bool_, axes, 0, 1, default))


def _declare(column: Column) -> Any:
    required = column.default is None
    meta = {_PLACE: column}
    return field(metadata=meta) if required else field(default=None, metadata=meta)


def complete(name: str, table: Table, sizes: dict[str, int]) -> Table:
    """Fill defaults, fix dtypes and check shapes and limits of every array in `table`.

    Parameters
    ----------
    name : prefix of the field names in errors.
    sizes : length of each axis by letter.

    Raises
    ------
    ProblemError
        Naming the first array that has the wrong shape, kind or range.
    """
    found: dict[str, Any] = {}
    for each in fields(table):
        column: Column | None = each.metadata.get(_PLACE)
        if column is not None:
            given = getattr(table, each.name)
            found[each.name] = _array(f"{name}.{each.name}", given, column, sizes)
    return replace(table, **found)


def _array(name: str, given: Any, column: Column, sizes: dict[str, int]) -> npt.NDArray[Any]:
    shape = tuple(sizes[axis] for axis in column.axes)
    high = column.high if isinstance(column.high, int) else sizes[column.high[0]] - 1 + column.high.count("+")
    if given is None and column.default == "special":
        return SPECIAL
    if given is None:
        array = np.full(shape, _default(column, high), dtype=column.dtype)
        array.setflags(write=False)
        return array
    raw = np.asarray(given)
    if raw.size == 0 and 0 in shape:
        raw = np.zeros(shape, dtype=column.dtype)
    if raw.ndim == 0:
        raw = np.full(shape, raw)
    if raw.shape != shape:
        raise ProblemError(name, f"has shape {raw.shape}, expected {shape} ({', '.join(column.axes)})")
    if raw.dtype.kind == "O" or not (raw.dtype.kind in "iub" or _whole(raw)):
        raise ProblemError(name, f"holds {raw.dtype}, expected whole numbers")
    bad = (raw < column.low) | (raw > high)
    if bad.any():
        at = tuple(int(k) for k in np.argwhere(bad)[0])
        raise ProblemError(name, f"is {raw[at]}, expected {column.low} to {high}", at)
    array = np.array(raw, dtype=column.dtype, order="C")
    array.setflags(write=False)
    return array


def _whole(raw: npt.NDArray[Any]) -> bool:
    return raw.dtype.kind == "f" and bool(np.isfinite(raw).all() and (raw == np.floor(raw)).all())


def _default(column: Column, high: int) -> int:
    if isinstance(column.default, int):
        return column.default
    return max(high, column.low)
