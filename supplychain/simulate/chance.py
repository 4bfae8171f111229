"""Chance by name: every room and purpose has its own stream of random numbers, and none depends on another.

Adding a room to a catalogue changes nothing in the others, and drawing one number more for comments changes no order.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from supplychain.domain.errors import InvalidInputError


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of a purpose: PCG64, seeded by `seed` and the names.

    Raises
    ------
    InvalidInputError
        If the seed is negative.
    """
    if seed < 0:
        detail = f"seed {seed} is negative"
        raise InvalidInputError(detail, way_out="give a whole number from 0 on", field="seed")
    digest = blake2b("\x1f".join(names).encode(), digest_size=16).digest()
    words = [int.from_bytes(digest[place : place + 4], "little") for place in range(0, 16, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))
