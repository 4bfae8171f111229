"""Where the files of `config/` are: beside the packages in a checkout, inside the package in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import supplychain
from supplychain.domain.errors import NotFoundError


def config_file(name: str) -> Path:
    """Return a file or folder of `config/`.

    Raises
    ------
    NotFoundError
        If this installation has no such file.
    """
    package = Path(supplychain.__file__).parent
    for folder in (package / "_config", package.parent / "config"):
        if (folder / name).exists():
            return folder / name
    raise NotFoundError(f"this installation has no config/{name}", way_out="install the package again")
