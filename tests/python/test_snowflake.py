"""Snowflake without an account, four proofs: the project parses strictly for it; its real adapter
builds the sample company twice, in full and then with late and changed rows; every mart then equals
DuckDB's row for row; all compiled SQL is Snowflake's grammar and calls nothing but its functions.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_runs import PROJECT, SAMPLE_DATA, SHARED_PARSES, DbtRun, environment, run_dbt
from snowflake.connector.errors import ProgrammingError
from snowflake_emulator import (
    RAW_SCHEMA,
    SnowflakeEmulator,
    account_settings,
    dropped_comments,
    snowflake_emulator,
)
from sqlfluff.core import FluffConfig, Linter
from sqlglot import tokenize
from sqlglot.tokens import TokenType

from scripts import load_snowflake

# A note of DuckDB on how the emulator fetches rows.
pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result")

FUNCTIONS = Path(__file__).with_name("snowflake_functions.txt")
# DuckDB's key for demonstrations, named, since Snowflake has none, and filled up with zeros, as
# HMAC does itself: so pseudonyms are those of the sample build.
KEY = {
    "AI_FINOPS_PSEUDONYM_KEY": b"demo key".hex().ljust(64, "0"),
    "AI_FINOPS_PSEUDONYM_KEY_VERSION": "demo",
}
WITHOUT_TESTS = ["--exclude-resource-type", "test", "unit_test"]
# Tests that dbt ships run on Snowflake without our proof: only the project's own are run here.
WITHOUT_SHIPPED_TESTS = [
    "--exclude-resource-type", "unit_test",
    "--exclude", "test_name:not_null", "test_name:unique",
    "test_name:accepted_values", "test_name:relationships",
]  # fmt: skip
# One relation of each kind that dbt describes in its own way.
DESCRIBED = ("int_ownership_known", "int_ownership_shares", "dim_cost_centers")
# Differs between engines by definition: both hash a row to another number.
ENGINE_SPECIFIC = {"inputs_version"}
# Words that stand before a parenthesis without being a function.
WORDS = set(
    "all and any as by case cross date else end except exclude exists from group having in inner "
    "input intersect is join lateral limit not on or order over partition qualify rename replace "
    "select set table then union using values when where with".split()
)
TYPES = set(
    "bigint char decimal float integer number numeric timestamp timestamp_ntz varchar".split()
)


@dataclass
class Account:
    """The emulated account after both builds, and DuckDB's build of the same files."""

    emulator: SnowflakeEmulator
    full: DbtRun
    incremental: DbtRun
    attempts_at_first: int
    on_duckdb: DbtRun


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, sample_build: DbtRun) -> Iterator[Account]:
    """Builds the sample company as it was before late and corrected rows came, then as it is."""
    workspace = tmp_path_factory.mktemp("snowflake")
    with snowflake_emulator() as emulator:
        load_raw(emulator, earlier_files(workspace / "earlier"))
        # Without data tests: they judge the sample company, not what is missing from it here.
        full = emulator.run_dbt(["build", *WITHOUT_TESTS], workspace / "full", settings=KEY)
        assert full.succeeded, full.error or full.failures()
        attempts_at_first = emulator.rows("select count(*) from fct_attempts")[0][0]
        load_raw(emulator, SAMPLE_DATA)
        incremental = emulator.run_dbt(
            ["build", *WITHOUT_SHIPPED_TESTS], workspace / "incremental", settings=KEY
        )
        assert incremental.succeeded, incremental.error or incremental.failures()
        yield Account(emulator, full, incremental, attempts_at_first, sample_build)


def load_raw(emulator: SnowflakeEmulator, folder: Path) -> dict[str, int]:
    """Loads a folder with the script that loads a real account; rows by table."""
    with environment(account_settings()), emulator.connect() as connection:
        return load_snowflake.load(connection, load_snowflake.raw_tables(folder), RAW_SCHEMA)


def earlier_files(folder: Path) -> Path:
    """The sample company before its last deliveries: calls are missing on 23 of its dates, and the
    counts of some that are there were corrected later, in a row that arrived later."""
    shutil.copytree(SAMPLE_DATA, folder)
    for table, time, tokens in (
        ("litellm/spend_logs", '"startTime"', "completion_tokens"),
        ("otel_genai/spans", "make_timestamp(start_time_unix_nano // 1000)", "kind"),
    ):
        with duckdb.connect() as connection:
            connection.execute(
                f"""copy (
                    select * replace (
                        {tokens} + (position % 7 = 0)::int as {tokens},
                        _loaded_at - to_seconds((position % 7 = 0)::int) as _loaded_at
                    )
                    from (
                        select *, row_number() over () as position
                        from read_parquet('{SAMPLE_DATA / table}.parquet')
                    )
                    where dayofyear({time}) % 4 <> 0 or position % 5 <> 0
                ) to '{folder / table}.parquet'"""
            )
    return folder


def test_the_project_parses_strictly_for_snowflake(tmp_path: Path) -> None:
    """dbt checks YAML against its schema for Snowflake, not for DuckDB; every warning counts."""
    strict = json.dumps({"error": "all", "silence": ["MFConverterIssue"]})
    run = run_dbt(
        ["parse", "--no-partial-parse", "--target", "snowflake", "--warn-error-options", strict],
        tmp_path,
        settings=account_settings(),
    )
    assert run.succeeded, run.error
    SHARED_PARSES.keep("snowflake", run)


def test_both_builds_ran_every_model(account: Account) -> None:
    """Nothing is skipped, and the second build had something to do."""
    manifest = read_manifest(account.full)
    expected = {
        unique_id
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }
    for run in (account.full, account.incremental):
        assert {run.statuses.get(unique_id) for unique_id in expected} == {"success"}
    attempts = account.emulator.rows("select count(*) from fct_attempts")[0][0]
    assert account.attempts_at_first < attempts


def test_a_difference_between_two_marts_is_found() -> None:
    """The comparison itself: another value, a missing row and another type are told apart."""
    mart = {"alias": "m", "config": {"meta": {"grain": ["k"]}}}
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as AI_FINOPS; attach ':memory:' as built")
        connection.execute("create schema AI_FINOPS.MARTS")
        connection.execute(
            "create table built.main.m as select 1 as k, 2.50 as v, 'x' as inputs_version"
        )
        found = []
        for rows in ("1, 2.50, 'y'", "1, 2.51, 'x'", "1, 2.5, 'x'", "1, 2.50, 'x' where false"):
            connection.execute(
                "create or replace table AI_FINOPS.MARTS.m as "
                f"select * from (select {rows}) as t (K, V, INPUTS_VERSION)"
            )
            found.append(first_difference(connection, mart))
    assert found[0] == "" and "2.51" in found[1] and "columns" in found[2] and "0 rows" in found[3]


def test_the_second_build_rebuilt_dates_and_not_tables(account: Account) -> None:
    """Incremental models deleted outdated dates; only a first build creates the table."""
    manifest = read_manifest(account.incremental)
    incremental = [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "incremental"
    ]
    assert incremental
    for node in incremental:
        statement = executed_sql(account.incremental, node)
        assert "delete from" in statement and "create or replace transient table" not in statement


def test_every_mart_equals_the_one_on_duckdb(account: Account) -> None:
    """Row for row, in the order of the declared grain, in every column but the engine-specific."""
    marts = public_marts(account)
    assert len(marts) > 5
    connection = account.emulator.compared_with(account.on_duckdb.database)
    differences = {}
    for mart in marts:
        difference = first_difference(connection, mart)
        if difference:
            differences[mart["alias"]] = difference
    assert differences == {}


def public_marts(account: Account) -> list[dict[str, Any]]:
    """Nodes of all public models."""
    nodes = read_manifest(account.incremental)["nodes"].values()
    return [
        node for node in nodes if node["resource_type"] == "model" and node["access"] == "public"
    ]


def first_difference(connection: duckdb.DuckDBPyConnection, mart: dict[str, Any]) -> str:
    """What is not equal between the two builds of one mart; '' when nothing differs."""
    here, there = f"AI_FINOPS.MARTS.{mart['alias']}", f"built.main.{mart['alias']}"
    described = {
        relation: {
            name.lower(): kind
            for name, kind, *_ in connection.execute(f"describe {relation}").fetchall()
        }
        for relation in (here, there)
    }
    if described[here] != described[there]:
        return f"columns: {sorted(described[here].items() ^ described[there].items())}"
    columns = [name for name in described[there] if name not in ENGINE_SPECIFIC]
    grain = ", ".join(f'"{name}" nulls first' for name in mart["config"]["meta"]["grain"])
    selected = ", ".join(f'"{name}" as c{position}' for position, name in enumerate(columns))
    ours, theirs = (
        connection.execute(f"select {selected} from {relation} order by {grain}").fetchall()
        for relation in (here, there)
    )
    if len(ours) != len(theirs):
        return f"{len(ours)} rows on Snowflake, {len(theirs)} on DuckDB"
    for our_row, their_row in zip(ours, theirs, strict=True):
        if our_row != their_row:
            values = zip(columns, our_row, their_row, strict=True)
            return str([(name, ours, theirs) for name, ours, theirs in values if ours != theirs])
    return ""


@pytest.fixture(scope="module")
def compiled_sql(account: Account) -> dict[str, str]:
    """Compiled Snowflake SQL of every model, snapshot and own test that was built, by unique id."""
    run_results = (account.incremental.target_path / "run_results.json").read_text(encoding="utf-8")
    compiled = {
        result["unique_id"]: result["compiled_code"]
        for result in json.loads(run_results)["results"]
        if result["compiled_code"]
    }
    assert len(compiled) > 50
    return compiled


def test_compiled_sql_calls_only_functions_that_snowflake_has(compiled_sql: dict[str, str]) -> None:
    """The emulator lets functions of DuckDB through; a new name has to be looked up and listed."""
    allowed = {
        line.split("#")[0].strip()
        for line in FUNCTIONS.read_text(encoding="utf-8").splitlines()
        if line.split("#")[0].strip()
    }
    unknown = {
        unique_id: sorted(called_functions(sql) - allowed)
        for unique_id, sql in compiled_sql.items()
        if called_functions(sql) - allowed
    }
    assert unknown == {}


def test_compiled_sql_is_in_snowflakes_grammar(compiled_sql: dict[str, str]) -> None:
    """The emulator also takes DuckDB's syntax; an independent Snowflake parser does not."""
    linter = Linter(FluffConfig(overrides={"dialect": "snowflake", "templater": "raw"}))
    broken = {}
    for unique_id, sql in one_of_each_shape(compiled_sql).items():
        violations = linter.parse_string(sql + "\n", fname=unique_id).violations
        if violations:
            broken[unique_id] = str(violations[0])
    assert broken == {}


def one_of_each_shape(compiled: dict[str, str]) -> dict[str, str]:
    """Leaves out SQL that differs from another in nothing but names and literals."""
    free = (TokenType.VAR, TokenType.STRING, TokenType.NUMBER)
    shapes: dict[tuple[Any, ...], str] = {}
    for unique_id, sql in compiled.items():
        shape = tuple(
            token.token_type if token.token_type in free else token.text.lower()
            for token in tokenize(sql, read="snowflake")
        )
        shapes.setdefault(shape, unique_id)
    return {unique_id: compiled[unique_id] for unique_id in shapes.values()}


def called_functions(sql: str) -> set[str]:
    """Names that stand before an opening parenthesis, lower case, without words, types and CTEs."""
    tokens = tokenize(sql, read="snowflake")
    names = set()
    for position, token in enumerate(tokens[:-1]):
        follower = tokens[position + 1]
        name = token.text.lower()
        if follower.token_type != TokenType.L_PAREN or not name.isidentifier():
            continue
        if name in WORDS or name in TYPES or is_cte_with_columns(tokens, position):
            continue
        names.add(name)
    return names


def is_cte_with_columns(tokens: list[Any], position: int) -> bool:
    """`name (a, b) as (`: a named query that lists its columns."""
    end = next(
        place
        for place in range(position, len(tokens))
        if tokens[place].token_type == TokenType.R_PAREN
    )
    followers = [token.text.lower() for token in tokens[end + 1 : end + 3]]
    return followers == ["as", "("]


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select epoch_ms(a), list_value(b) from t", {"epoch_ms", "list_value"}),
        ("select sum(a) filter (where b) from t", {"sum", "filter"}),
        ("with t (a, b) as (select 1, 2) select cast(a as decimal(38, 12)) from t", {"cast"}),
        ("select * exclude (a) from t where b in (1, 2)", set()),
    ],
)
def test_functions_are_found_in_sql(sql: str, names: set[str]) -> None:
    """The net itself: what DuckDB alone understands is seen."""
    assert called_functions(sql) == names


def test_relations_and_columns_are_described(account: Account, tmp_path: Path) -> None:
    """A view, a table under a contract and one without; the builds above leave it out,
    since a column is a statement, and the emulator drops what Snowflake would keep."""
    before = len(dropped_comments)
    run = account.emulator.run_dbt(
        ["build", "--select", *DESCRIBED, *WITHOUT_TESTS],
        tmp_path,
        settings=KEY,
        is_documented=True,
    )
    assert set(run.statuses.values()) == {"success"} and len(run.statuses) == len(DESCRIBED)
    described = "".join(dropped_comments[before:])
    nodes = read_manifest(run)["nodes"].values()
    for node in (node for node in nodes if node["name"] in DESCRIBED):
        columns = node["columns"].values()
        texts = [node["description"], *(column["description"] for column in columns)]
        assert [text for text in texts if f"$${text}$$" not in described] == []


def test_the_emulator_refuses_a_division_outside_the_macro(account: Account) -> None:
    """Snowflake rounds a plain division its own way: only the macro whole_quotient may divide."""
    with pytest.raises(ProgrammingError, match="division"):
        account.emulator.rows("select sum(a) / 3 from (select 1 as a)")
    assert account.emulator.rows("select (7 - mod(7, nullif(2, 0))) / nullif(2, 0)") == [(3,)]


def test_the_loader_fills_the_raw_tables_with_every_row(account: Account) -> None:
    """Loading twice changes nothing, and a row of each file is where it belongs."""
    loaded = load_raw(account.emulator, SAMPLE_DATA)
    assert loaded == load_raw(account.emulator, SAMPLE_DATA)
    connection = account.emulator.compared_with(account.on_duckdb.database)
    for table in load_snowflake.raw_tables(SAMPLE_DATA):
        files = [str(file) for file in table.files]
        names = ", ".join(f'"{name}"' for name, _ in table.columns)
        different = connection.execute(
            f"""select count(*) from (
                select {names} from AI_FINOPS.{RAW_SCHEMA}.{table.name}
                except all
                select {names} from read_parquet({files}, union_by_name=true)
            )"""
        ).fetchone()
        rows = connection.execute(
            f"select count(*) from read_parquet({files}, union_by_name=true)"
        ).fetchone()
        assert (different, loaded[table.name]) == ((0,), rows[0]), table.name


def test_the_loader_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an account, and without files, it stops with the setting's name."""
    monkeypatch.delenv("SNOWFLAKE_ACCOUNT", raising=False)
    monkeypatch.setenv("AI_FINOPS_RAW_PATH", str(SAMPLE_DATA))
    assert load_snowflake.main([]) == 1
    assert "SNOWFLAKE_ACCOUNT is not set" in capsys.readouterr().err
    monkeypatch.setenv("AI_FINOPS_RAW_PATH", str(tmp_path))
    assert load_snowflake.main([]) == 1
    assert "AI_FINOPS_RAW_PATH" in capsys.readouterr().err


def test_the_loader_prints_its_sql_without_an_account(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--dry-run shows what would run, one COPY for each table."""
    monkeypatch.setenv("AI_FINOPS_RAW_PATH", str(SAMPLE_DATA))
    assert load_snowflake.main(["--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("copy into") == len(load_snowflake.raw_tables(SAMPLE_DATA))


def read_manifest(run: DbtRun) -> dict[str, Any]:
    """dbt's manifest of one invocation."""
    return json.loads((run.target_path / "manifest.json").read_text(encoding="utf-8"))


def executed_sql(run: DbtRun, node: dict[str, Any]) -> str:
    """What dbt sent for a model, as it wrote it down."""
    path = run.target_path / "run" / "ai_finops" / node["original_file_path"]
    return path.read_text(encoding="utf-8").lower()


def test_the_project_is_not_told_apart_by_its_target() -> None:
    """Differences between the engines live in dispatched macros, never in a model."""
    models = (PROJECT / "models").rglob("*.sql")
    assert [path.name for path in models if "target." in path.read_text(encoding="utf-8")] == []
