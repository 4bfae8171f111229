"""Insert-or-add and insert-or-ignore in the words of both databases.

Statements are built once per table and kept: a stream worker commits hundreds of chunks a second, and building them anew
costs more than running them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from supplychain.storage.packed_arrays import bigints, teach, texts

_TAUGHT: Final = "packed arrays"
"""Mark of a connection that sends them; it lasts as long as the connection to the server."""


def _insert(dialect: str, table: Table) -> Any:
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)


@cache
def _ignoring(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _adding(dialect: str, table: Table, sums: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=_keys(table), set_={name: table.c[name] + statement.excluded[name] for name in sums}
    )


@cache
def _replacing(dialect: str, table: Table, names: tuple[str, ...]) -> Any:
    statement = _insert(dialect, table)
    keys = set(_keys(table))
    rest = [name for name in names if name not in keys]
    return statement.on_conflict_do_update(
        index_elements=sorted(keys), set_={name: statement.excluded[name] for name in rest}
    )


@cache
def _bulk(dialect: str, table: Table, sums: tuple[str, ...]) -> str:
    """Return the statement of `add_up_rows`: one row at a time in SQLite, columns as arrays in PostgreSQL."""
    names = [f'"{column.name}"' for column in table.columns]
    if dialect == "sqlite":
        source = f"VALUES ({', '.join('?' * len(names))})"
    else:
        kinds = ("bigint" if isinstance(column.type, BigInteger) else "text" for column in table.columns)
        source = f"SELECT * FROM unnest({', '.join(f'%b::{kind}[]' for kind in kinds)})"  # noqa: S608 - own names
    added = ", ".join(f'"{name}" = {table.name}."{name}" + excluded."{name}"' for name in sums)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) {source} "
        f"ON CONFLICT ({', '.join(_keys(table))}) DO UPDATE SET {added}"
    )


def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]


def insert_new(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert the rows that are not there yet; return how many were new."""
    statement = _ignoring(connection.dialect.name, table)
    new = 0
    for row in rows:
        # without the option the count of an INSERT is -1 on PostgreSQL, and every row would look new
        new += connection.execute(statement, dict(row), execution_options={"preserve_rowcount": True}).rowcount
    return new


def add_up(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], sums: Sequence[str]) -> None:
    """Insert rows; where the primary key exists, add the columns of `sums` to what is there."""
    if rows:
        connection.execute(_adding(connection.dialect.name, table, tuple(sums)), list(rows))


def add_up_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], sums: tuple[str, ...]) -> None:
    """Do the same with many rows of texts and whole numbers, as tuples in the order of the table's columns.

    The rows go to the driver as they are. Their primary keys must be distinct.
    """
    if not rows:
        return
    dialect = connection.dialect.name
    statement = _bulk(dialect, table, sums)
    if dialect == "sqlite":
        connection.exec_driver_sql(statement, list(rows))
    else:
        if not connection.info.get(_TAUGHT):
            teach(connection.connection.driver_connection)
            connection.info[_TAUGHT] = True
        columns = zip(table.columns, zip(*rows, strict=True), strict=True)
        packed = tuple(
            bigints(values) if isinstance(column.type, BigInteger) else texts(values) for column, values in columns
        )
        connection.exec_driver_sql(statement, packed)


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; where the primary key exists, replace every other column given."""
    if rows:
        connection.execute(_replacing(connection.dialect.name, table, tuple(rows[0])), list(rows))
