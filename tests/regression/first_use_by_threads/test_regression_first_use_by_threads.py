"""The dispatcher died by signal 11 at its first orders: its threads were the first to read a catalogue, all at once.

msgspec notes what it learns of a dataclass at the first use, without a lock. The modules now make it learn at import.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import os, sys, threading
sys.setswitchinterval(1e-6)
from supplychain.platforms.catalogue_document import catalogue_from
together = threading.Barrier(8)
def read():
    together.wait()
    catalogue_from({name: {} for name in ("skus", "suppliers", "offers", "warehouses", "lanes", "regions")})
threads = [threading.Thread(target=read) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
os._exit(0)
"""


def test_threads_may_be_the_first_to_read_a_catalogue() -> None:
    codes = [subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, check=False).returncode for _ in range(8)]
    assert codes == [0] * 8
