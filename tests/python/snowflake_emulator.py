"""Runs dbt's Snowflake adapter against fakesnow, a Snowflake emulator on DuckDB, in this process.

fakesnow 0.12.1 is pinned: the shims below reach into its private methods. What the emulator cannot
prove about a real account stands in docs/snowflake.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import fakesnow
import fakesnow.cursor
import snowflake.connector
import yaml
from dbt.cli.main import dbtRunner
from dbt_runs import PROJECT, DbtRun, environment
from snowflake.connector.errors import Error, ProgrammingError
from sqlglot import exp

Cursor = fakesnow.cursor.FakeSnowflakeCursor
_fakesnow_transform = Cursor._transform
_fakesnow_explode = Cursor._transform_explode
_fakesnow_execute = Cursor._execute


def _transform(self: Any, expression: exp.Expression, params: Any) -> exp.Expression:
    """Temporary tables under a qualified name become plain ones: DuckDB keeps temporary tables in a
    database of their own, dbt names the target's."""
    if isinstance(expression, exp.Create):
        table = expression.this.this if isinstance(expression.this, exp.Schema) else expression.this
        properties = expression.args.get("properties")
        if properties and isinstance(table, exp.Table) and table.db:
            kept = [p for p in properties.expressions if not isinstance(p, exp.TemporaryProperty)]
            properties.set("expressions", kept)
    return _fakesnow_transform(self, expression, params)


def _explode(self: Any, expression: exp.Expression) -> list[exp.Expression]:
    """A table created from a query under a contract becomes a create and an insert, so that its
    types and NOT NULL hold; a MERGE runs as DuckDB's own."""
    if isinstance(expression, exp.Merge):
        expression.args["merge_counts"] = True
        return [expression]
    is_contract = (
        isinstance(expression, exp.Create)
        and expression.kind == "TABLE"
        and isinstance(expression.this, exp.Schema)
        and expression.expression
    )
    if not is_contract:
        return _fakesnow_explode(self, expression)
    table = expression.copy()
    table.set("expression", None)
    columns = [part for part in table.this.expressions if isinstance(part, exp.ColumnDef)]
    table.this.set("expressions", columns)
    names = [column.this.copy() for column in columns]
    rows = exp.Insert(
        this=exp.Schema(this=table.this.this.copy(), expressions=names),
        expression=expression.expression.copy(),
    )
    return [table, rows]


def _roll_back(cursor: Any) -> None:
    """Ends the transaction that an error left open, as Snowflake's autocommit would."""
    try:
        cursor._duck_conn.rollback()
    except duckdb.Error:
        pass
    cursor._conn._in_transaction = False


def _execute(self: Any, transformed: exp.Expression, params: Any = None) -> None:
    """DuckDB's errors reach dbt as Snowflake's, and a MERGE reports its rows in one number."""
    try:
        _fakesnow_execute(self, transformed, params)
        if isinstance(transformed, exp.Merge):
            self._last_sql = f"select {self._rowcount} as 'number of rows affected'"
            self._last_params = None
            self._duck_conn.execute(self._last_sql)
            self._arrow_table = self._duck_conn.to_arrow_table()
    except Error:
        _roll_back(self)
        raise
    except duckdb.Error as error:
        _roll_back(self)
        message = str(error.args[0])
        raise ProgrammingError(msg=message, errno=100000, sqlstate="22000") from error
