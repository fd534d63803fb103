"""Runs dbt's Snowflake adapter in this process against fakesnow, a Snowflake emulator on DuckDB.

fakesnow 0.12.1 is pinned, since the shims below replace private methods of its cursor. They bridge
what dbt sends and the emulator cannot take; none changes what a query means. What stays unproven
about a real account is listed in docs/snowflake.md.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import fakesnow
import pyarrow
import snowflake.connector
from dbt.adapters.snowflake.connections import SnowflakeConnectionManager
from dbt.cli.main import dbtRunner
from dbt_runs import (
    PROJECT,
    QUIETLY,
    SAMPLE_DATA,
    SHARED_PARSES,
    DbtRun,
    environment,
    without_descriptions,
)
from dbt_shortcuts import nothing_collected
from fakesnow.cursor import FakeSnowflakeCursor
from snowflake.connector.errors import Error, ProgrammingError
from sqlglot import exp

DATABASE = "AI_FINOPS"
RAW_SCHEMA = "RAW"
MARTS_SCHEMA = "MARTS"

# Texts that dbt attaches to tables and columns: documentation, which the emulator's parser rejects.
COLUMN_COMMENT = re.compile(r"\s+comment\s+\$\$.*?\$\$", re.IGNORECASE | re.DOTALL)
COMMENT_STATEMENT = re.compile(
    r"\s*(comment\s+on\s|alter\s+(table|view)\s+\S+\s+alter\s[^;]*\scomment\s)", re.IGNORECASE
)
# What was dropped since the emulator started.
dropped_comments: list[str] = []
# How dbt sends the rows of a seed: thousands of placeholders in one statement.
SEED_ROWS = re.compile(
    r"\s*insert\s+(overwrite\s+)?into\s+(\S+)\s+\(([^)]*)\)\s+values\s+\(\s*%s", re.IGNORECASE
)

_transform = FakeSnowflakeCursor._transform
_explode = FakeSnowflakeCursor._transform_explode
_execute_parsed = FakeSnowflakeCursor._execute
_execute_text = FakeSnowflakeCursor.execute
_split_queries = SnowflakeConnectionManager._split_queries


def _transform_without_temporary(self: Any, expression: exp.Expr, params: Any) -> exp.Expr:
    """Shim 1. A temporary table under a qualified name becomes a plain one: DuckDB keeps temporary
    tables in a database of its own, dbt names the target's. Applies shim 5, too."""
    if isinstance(expression, exp.Create):
        table = expression.this.this if isinstance(expression.this, exp.Schema) else expression.this
        properties = expression.args.get("properties")
        if properties and isinstance(table, exp.Table) and table.db:
            kept = [p for p in properties.expressions if not isinstance(p, exp.TemporaryProperty)]
            properties.set("expressions", kept)
    # Innermost first, so that what replaces a node already holds its replaced parts.
    for node in reversed(list(expression.walk())):
        replacement = _in_duckdb(node)
        if replacement is not node:
            node.replace(replacement)
    return _transform(self, expression, params)


def _in_duckdb(node: exp.Expr) -> exp.Expr:
    """Shim 5. What Snowflake documents and the emulator lacks or does otherwise."""
    if isinstance(node, exp.DataType) and node.sql("snowflake") == "DECIMAL(38, 0)":
        # The emulator takes it for a 64-bit integer, which our whole numbers overflow.
        return exp.DataType.build("decimal(38)")
    if isinstance(node, exp.Div):
        return _whole_quotient(node)
    if isinstance(node, exp.JSONFormat):
        return exp.cast(node.copy(), "varchar")
    if not isinstance(node, exp.Anonymous):
        return node
    name, arguments = node.name.lower(), [argument.copy() for argument in node.expressions]
    if name == "hash":
        # Snowflake's is a signed 64-bit number, DuckDB's an unsigned one.
        half = exp.BitwiseRightShift(this=node.copy(), expression=exp.Literal.number(1))
        return exp.cast(half, "bigint")
    if name in ("try_to_timestamp_ntz", "try_to_timestamp_tz"):
        kind = "timestamp" if name.endswith("ntz") else "timestamptz"
        return exp.TryCast(this=arguments[0], to=exp.DataType.build(kind))
    if name == "as_object":
        is_object = _call("json_type", arguments[0]).eq("OBJECT")
        return exp.case().when(is_object, arguments[0].copy())
    if name == "object_pick":
        paths = [exp.Literal.string(f'$."{key.name}"') for key in arguments[1:]]
        values = _call("json_extract", arguments[0], _call("list_value", *paths))
        picked = _call("to_json", _call("map", _call("list_value", *arguments[1:]), values))
        # A merge patch leaves out what is null, as OBJECT_PICK leaves out absent keys.
        return _call("json_merge_patch", exp.Literal.string("{}"), picked)
    return node


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _whole_quotient(division: exp.Div) -> exp.Expr:
    """The macro whole_quotient, (a - a modulo b) / b, without DuckDB's floating point. Every other
    division is refused: Snowflake rounds it to other decimals than DuckDB."""
    dividend, divisor = division.this.unnest(), division.expression
    if isinstance(dividend, exp.Sub) and isinstance(dividend.expression, exp.Mod):
        whole = exp.cast(dividend.this.copy(), "int128")
        return exp.IntDiv(this=whole, expression=exp.cast(divisor.copy(), "int128"))
    raise ProgrammingError(msg=f"a division outside whole_quotient: {division.sql('snowflake')}")


def _explode_contracts(self: Any, expression: exp.Expr) -> list[exp.Expr]:
    """Shim 2. A table created from a query under a contract is created first and filled then, so
    that the contract's types and NOT NULL hold. MERGE goes to DuckDB as it is."""
    if isinstance(expression, exp.Merge):
        expression.args["merge_counts"] = True
        return [expression]
    if not (
        isinstance(expression, exp.Create)
        and expression.kind == "TABLE"
        and isinstance(expression.this, exp.Schema)
        and expression.expression
    ):
        return _explode(self, expression)
    table = expression.copy()
    table.set("expression", None)
    columns = [part for part in table.this.expressions if isinstance(part, exp.ColumnDef)]
    table.this.set("expressions", columns)
    names = [column.this.copy() for column in columns]
    target = exp.Schema(this=table.this.this.copy(), expressions=names)
    return [table, exp.Insert(this=target, expression=expression.expression.copy())]


def _execute_with_snowflake_errors(self: Any, transformed: exp.Expr, params: Any = None) -> None:
    """Shim 3. Errors of DuckDB reach dbt as Snowflake's and leave no open transaction; a MERGE
    answers with one count, as dbt expects."""
    try:
        _execute_parsed(self, transformed, params)
        if isinstance(transformed, exp.Merge):
            self._last_sql = f"select {self._rowcount} as 'number of rows affected'"
            self._last_params = None
            self._duck_conn.execute(self._last_sql)
            self._arrow_table = self._duck_conn.to_arrow_table()
    except (Error, duckdb.Error) as error:
        with suppress(duckdb.Error):
            self._duck_conn.rollback()
        self._conn._in_transaction = False
        if isinstance(error, Error):
            raise
        message = str(error.args[0])
        raise ProgrammingError(msg=message, errno=100000, sqlstate="22000") from error


def _execute_without_comments(
    self: Any, command: str, params: Any = None, *args: Any, **kwargs: Any
) -> Any:
    """Shim 4. Comments on tables and columns are dropped, and a seed's rows go to DuckDB as one
    table: parsing their placeholders takes minutes."""
    seed = SEED_ROWS.match(command)
    if seed and params:
        _insert_seed(self, seed, list(params))
        return self
    if COMMENT_STATEMENT.match(command):
        dropped_comments.append(command)
        command = "select 'Statement executed successfully.' as status"
    elif command.lstrip()[:6].lower() == "create":
        dropped_comments.extend(COLUMN_COMMENT.findall(command))
        command = COLUMN_COMMENT.sub("", command)
    return _execute_text(self, command, params, *args, **kwargs)


def _split_unless_seed(sql: str) -> list[str]:
    """Belongs to shim 4: dbt looks for semicolons among all those placeholders, too."""
    return [str(sql)] if SEED_ROWS.match(str(sql)) else _split_queries(sql)


def _insert_seed(cursor: Any, seed: re.Match[str], values: list[Any]) -> None:
    """Inserts the values of all rows, one after the other in `values`, as text to be cast."""
    overwrite, table, column_list = seed.groups()
    columns = column_list.split(",")
    texts = [None if value is None else str(value) for value in values]
    seed_rows = pyarrow.table(
        {
            f"c{n}": pyarrow.array(texts[n :: len(columns)], pyarrow.string())
            for n in range(len(columns))
        }
    )
    assert seed_rows.num_rows * len(columns) == len(texts)
    if overwrite:
        cursor._duck_conn.execute(f"delete from {table}")
    cursor._duck_conn.execute(f"insert into {table} ({column_list}) select * from seed_rows")
    cursor._rowcount = seed_rows.num_rows
    cursor._sfqid = cursor._sqlstate = None


class SnowflakeEmulator:
    """An account that lives as long as the `with` block of `snowflake_emulator`."""

    def run_dbt(
        self,
        arguments: list[str],
        workspace: Path,
        variables: dict[str, Any] | None = None,
        settings: dict[str, str | None] | None = None,
        is_documented: bool = False,
    ) -> DbtRun:
        """Runs `dbt <arguments> --target snowflake` with the project's own profile.

        A run that `is_documented` also sends the descriptions of relations and columns.

        Never raises on a failing build: look at the returned DbtRun. Its `database` does not exist;
        read rows with `rows`.
        """
        target_path = workspace / "target"
        options = [
            "--target", "snowflake",
            "--threads", "2",
            "--project-dir", str(PROJECT),
            "--profiles-dir", str(PROJECT),
            "--target-path", str(target_path),
            "--log-path", str(workspace / "logs"),
        ]  # fmt: skip
        if variables:
            options += ["--vars", json.dumps(variables)]
        with (
            environment({**account_settings(), **(settings or {})}),
            nullcontext() if is_documented else without_descriptions(),
            nothing_collected(),
        ):
            SHARED_PARSES.provide("snowflake", arguments, options, target_path)
            outcome = dbtRunner().invoke([*QUIETLY, *arguments, *options])
        run = DbtRun(bool(outcome.success), workspace / "no_file", target_path)
        if outcome.exception is not None:
            run.error = str(outcome.exception)
        for node_result in getattr(outcome.result, "results", None) or []:
            run.statuses[node_result.node.unique_id] = str(node_result.status)
            run.messages[node_result.node.unique_id] = node_result.message or ""
        return run

    def connect(self) -> Any:
        """A connection of the official connector to the emulated account."""
        return snowflake.connector.connect(
            account="emulator",
            user="emulator",
            password="emulator",
            database=DATABASE,
            schema=MARTS_SCHEMA,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query in Snowflake's dialect."""
        with self.connect() as connection:
            return connection.cursor().execute(query).fetchall()

    def compared_with(self, database: Path) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection that sees the account as AI_FINOPS and a DuckDB file as `built`."""
        connection = self.connect()._duck_conn
        connection.execute(f"attach if not exists '{database}' as built (read_only)")
        return connection


def account_settings() -> dict[str, str | None]:
    """Environment of the shipped profile and of the loader for the emulated account."""
    return {
        "SNOWFLAKE_ACCOUNT": "emulator",
        "SNOWFLAKE_USER": "emulator",
        "SNOWFLAKE_PASSWORD": "emulator",
        "SNOWFLAKE_PRIVATE_KEY_PATH": None,
        "SNOWFLAKE_DATABASE": DATABASE,
        "SNOWFLAKE_SCHEMA": MARTS_SCHEMA,
        "AI_FINOPS_RAW_SCHEMA": RAW_SCHEMA,
        # Tables are read, no files: named only so that dbt's parse stays one.
        "AI_FINOPS_RAW_PATH": str(SAMPLE_DATA),
        "AI_FINOPS_RAW_FORMAT": None,
        "AI_FINOPS_TARGET": None,
    }


@contextmanager
def snowflake_emulator() -> Iterator[SnowflakeEmulator]:
    """The Snowflake connector of this process talks to a fresh, empty emulator until the end."""
    shims = {
        "_transform": _transform_without_temporary,
        "_transform_explode": _explode_contracts,
        "_execute": _execute_with_snowflake_errors,
        "execute": _execute_without_comments,
    }
    # Dialect notes of the translator and a note on copies: thousands of lines, none on our SQL.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    dropped_comments.clear()
    with (
        mock.patch.multiple(FakeSnowflakeCursor, **shims),
        mock.patch.object(
            SnowflakeConnectionManager, "_split_queries", staticmethod(_split_unless_seed)
        ),
        # Shim 6. The emulator would turn every sum into a floating-point one.
        mock.patch("fakesnow.transforms.numeric_agg_implicit_cast", lambda node: node),
        fakesnow.patch(),
    ):
        yield SnowflakeEmulator()
