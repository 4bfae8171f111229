"""Compiles the inner loops. One decorator, so that every kernel has the same flags and the same cache on disk.

Kernels are compiled on their first call and kept in numba's cache (beside the module, or under NUMBA_CACHE_DIR where the
installation is read-only); `python -m optimizers warm` fills it. They release the interpreter lock, so that threads share
the work. They count no references: arrays come from Python and outlive the call, and counting them took most of the time.
So a kernel must not allocate. With NUMBA_DISABLE_JIT=1 the same code runs as plain Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])
FLAGS = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
"""No fast-math: sums keep their order, so that equal input gives equal bytes."""


def kernel(function: Function) -> Function:
    """Compile `function`."""
    return cast("Function", _stamped(njit(**FLAGS)(function)))


def inlined(function: Function) -> Function:
    """Like `kernel`, for small parts of a loop: written into their caller, because passing the tables costs more than they do."""
    return cast("Function", _stamped(njit(**FLAGS, inline="always")(function)))


def _stamped(compiled: Any) -> Any:
    """Tie the cache of a kernel to all kernels: numba looks at its own file alone, though others are compiled into it."""
    kept = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if kept is not None and hasattr(kept, "_source_stamp"):
        kept._source_stamp = _sources()  # noqa: SLF001 -- numba has no public way to say what a cache depends on
    return compiled


@cache
def _sources() -> str:
    """Digest of the modules with kernels, and of the positions they read."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        text = file.read_bytes()
        if b"optimizers.kernel import" in text or file.name in ("kernel.py", "positions.py"):
            digest.update(text)
    return digest.hexdigest()
