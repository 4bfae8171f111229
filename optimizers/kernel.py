"""Compiles the inner loops. One decorator, so that every kernel has the same flags and the same cache on disk.

Kernels are compiled on their first call and kept in numba's cache (beside the module, or under NUMBA_CACHE_DIR where the
installation is read-only); `python -m optimizers warm` fills it. They release the interpreter lock, so that threads share
the work. With NUMBA_DISABLE_JIT=1 the same code runs as plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` without fast-math: sums keep their order, so that equal input gives equal bytes."""
    return cast("Function", njit(cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Like `kernel`, for small parts of a loop: written into their caller, because passing the tables costs more than they do."""
    return cast("Function", njit(cache=True, nogil=True, error_model="numpy", inline="always")(function))
