"""Insert-or-add and insert-or-ignore in the words of both databases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def _insert(connection: Connection, table: Table) -> Any:
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def insert_new(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert the rows that are not there yet; return how many were new."""
    new = 0
    for row in rows:
        statement = _insert(connection, table).values(**row).on_conflict_do_nothing()
        # without the option the count of an INSERT is -1 on PostgreSQL, and every row would look new
        new += connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount
    return new


def add_up(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], sums: Sequence[str]) -> None:
    """Insert rows; where the primary key exists, add the columns of `sums` to what is there."""
    if not rows:
        return
    statement = _insert(connection, table)
    keys = [column.name for column in table.primary_key]
    statement = statement.on_conflict_do_update(
        index_elements=keys, set_={name: table.c[name] + statement.excluded[name] for name in sums}
    )
    connection.execute(statement, list(rows))


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; where the primary key exists, replace every other column given."""
    if not rows:
        return
    statement = _insert(connection, table)
    keys = {column.name for column in table.primary_key}
    rest = [name for name in rows[0] if name not in keys]
    statement = statement.on_conflict_do_update(
        index_elements=sorted(keys), set_={name: statement.excluded[name] for name in rest}
    )
    connection.execute(statement, list(rows))
