"""What the tables are made of: naming of constraints, serial numbers, moments and names.

Times are UTC milliseconds in 64-bit integers, money integer minor units, pieces integers. Columns ending in `_wall` are wall
time (leases, retries, latency); all other times are business time.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, String

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Serial: Final = BigInteger().with_variant(Integer, "sqlite")


def moment(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column of UTC milliseconds."""
    return Column(name, BigInteger, nullable=nullable)


def label(name: str, *, key: bool = False, nullable: bool = False) -> Column[Any]:
    """Return a column of a name or id."""
    return Column(name, String(255), primary_key=key, nullable=nullable)
