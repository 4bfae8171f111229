"""Where the console's own style and script are, and the version that makes browsers fetch them again."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "assets"
ASSETS: Final = "/console-assets"
ASSET_VERSION: Final = sha256(b"".join(path.read_bytes() for path in sorted(FOLDER.iterdir()))).hexdigest()[:12]
