"""No content, address or name of a person leaves a source.

The sample company's raw files hold a canary in every content column, an IP address in every log
row and e-mail addresses as user ids. None of them may be found in a relation of the built database
or in a published file.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from dbt_runs import SAMPLE_DATA, DbtRun, run_dbt
from snowflake_emulator import snowflake_emulator

from scripts.publish_marts import publish

CANARY = "CANARY-7f3a-do-not-copy"
PLANTED = [CANARY, "meridian.example", "203.0.113.7"]
E_MAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"

CONTENT_NAME = re.compile(
    r"(^|_)(prompts?|messages?|contents?|responses?|completions?|body|ip|ip_address|e_?mails?|phone"
    r"|first_name|last_name|full_name|user_name|instructions|arguments|end_user|user)(_|$)"
)
# Names that hold such a word and no content.
CONTENT_NAMES_ALLOWED = {
    "provider_response_id": "an id of the answer",
    "prompt_tokens": "a count",
    "completion_tokens": "a count",
    "user_pseudonym": "keyed",
    "content_sum": "a fingerprint of reference rows",
    "first_user_pseudonym": "keyed",
    "last_user_pseudonym": "keyed",
    "content_hash": "a fingerprint of a bill line",
    "content_number": "counts versions of a bill line",
    "contents": "counts versions of a bill line",
    "next_content_at": "when a bill line changed",
    "user_id": "the provider's own id on a cost line; leaves staging inside a hash only",
}
LONGEST_TEXT = 256
# JSON texts of numbers or listed keys, made by staging; values that the specification lists.
LONG_TEXTS_ALLOWED = {"request_tags", "attributes", "resource_attributes", "allowed_values"}

KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"


def text_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Text columns of every table and view, by the relation's quoted name."""
    found: dict[str, list[str]] = {}
    for schema, relation, column in connection.execute(
        "select schema_name, table_name, column_name from duckdb_columns()"
        " where not internal and data_type = 'VARCHAR' order by all"
    ).fetchall():
        found.setdefault(f'"{schema}"."{relation}"', []).append(column)
    return found


def leaks(connection: duckdb.DuckDBPyConnection, relation: str, columns: list[str]) -> list[str]:
    """Columns of a relation with a planted text, an e-mail address or an overlong text."""
    checks: dict[str, str] = {}
    for column in columns:
        name = f'"{column}"'
        for text in PLANTED:
            checks[f"{relation}.{column}: {text}"] = f"bool_or(contains({name}, '{text}'))"
        checks[f"{relation}.{column}: an e-mail address"] = (
            f"bool_or(contains({name}, '@') and regexp_matches({name}, '{E_MAIL}'))"
        )
        if column not in LONG_TEXTS_ALLOWED:
            checks[f"{relation}.{column}: longer than {LONGEST_TEXT}"] = (
                f"max(length({name})) > {LONGEST_TEXT}"
            )
    row = connection.execute(f"select {', '.join(checks.values())} from {relation}").fetchone()
    assert row is not None
    return [leak for leak, is_found in zip(checks, row, strict=True) if is_found]


def test_the_raw_files_hold_what_the_tests_look_for() -> None:
    log = f"'{SAMPLE_DATA}/litellm/spend_logs.parquet'"
    planted = duckdb.execute(
        f"select bool_and(contains(messages, '{CANARY}')),"
        f" bool_and(contains(response, '{CANARY}')),"
        " bool_and(requester_ip_address = '203.0.113.7'),"
        f" bool_or(end_user like '%@meridian.example'), bool_or(contains(metadata, '{CANARY}'))"
        f" from {log}"
    ).fetchone()
    spans = duckdb.execute(
        f"select bool_or(contains(attributes, '{CANARY}'))"
        f" from '{SAMPLE_DATA}/otel_genai/spans.parquet'"
    ).fetchone()
    assert planted == (True,) * 5
    assert spans == (True,)


def test_no_relation_holds_content_or_addresses(sample_build: DbtRun) -> None:
    with duckdb.connect(str(sample_build.database), read_only=True) as connection:
        relations = text_columns(connection)
        found = [
            leak
            for relation, columns in relations.items()
            for leak in leaks(connection, relation, columns)
        ]
    assert len(relations) > 40, "the test no longer finds the relations"
    assert found == []


def test_no_published_file_holds_content_or_addresses(sample_build: DbtRun, tmp_path: Path) -> None:
    publish(sample_build.database, sample_build.target_path / "manifest.json", tmp_path)
    with duckdb.connect() as connection:
        for parquet_file in tmp_path.glob("*.parquet"):
            connection.execute(f"create view {parquet_file.stem} as from '{parquet_file}'")
        connection.execute(f"attach '{tmp_path / 'marts.duckdb'}' as marts (read_only)")
        parquet_leaks = [
            leak
            for relation, columns in text_columns(connection).items()
            if relation.startswith('"main"')
            for leak in leaks(connection, relation, columns)
        ]
    written = b"".join(path.read_bytes() for path in tmp_path.glob("marts.duckdb"))
    assert parquet_leaks == []
    assert [text for text in PLANTED if text.encode() in written] == []


def test_no_column_is_named_like_content(sample_build: DbtRun) -> None:
    columns = sample_build.rows(
        "select table_name, column_name from duckdb_columns() where not internal"
    )
    wrong = [
        f"{relation}.{column}"
        for relation, column in columns
        if CONTENT_NAME.search(column.lower()) and column not in CONTENT_NAMES_ALLOWED
    ]
    assert wrong == []


def test_no_cost_column_hides_its_kind(sample_build: DbtRun) -> None:
    assert (
        sample_build.rows(
            "select table_name from duckdb_columns()"
            " where column_name = 'cost_usd' and not internal"
        )
        == []
    )


def test_no_model_selects_everything_of_a_source(sample_build: DbtRun) -> None:
    compiled = list((sample_build.target_path / "compiled").rglob("models/staging/**/*.sql"))
    readers = [path for path in compiled if re.search(r"read_\w+\(", path.read_text())]
    wrong = [
        path.name
        for path in readers
        if re.search(r"\*[^,]*?\sfrom\s+\(?\s*read_\w+\(", path.read_text(), re.IGNORECASE)
    ]
    assert readers
    assert wrong == []


# Pseudonyms ---------------------------------------------------------------------------------------


def build_requests(workspace: Path, key: str | None, version: str | None = None) -> DbtRun:
    """Builds the requests of the LiteLLM log with a pseudonym key."""
    run = run_dbt(
        ["run", "--select", "+stg_litellm__requests"],
        workspace,
        settings={"AI_FINOPS_PSEUDONYM_KEY": key, "AI_FINOPS_PSEUDONYM_KEY_VERSION": version},
    )
    return run


def seeded(workspace: Path) -> Path:
    """A workspace whose database holds the one seed that the requests need."""
    assert run_dbt(["seed", "--select", "token_conventions"], workspace).succeeded
    return workspace


def users() -> Iterator[str]:
    """The user ids of the raw log."""
    for (user,) in duckdb.execute(
        f"select distinct end_user from '{SAMPLE_DATA}/litellm/spend_logs*.parquet'"
        " where end_user <> ''"
    ).fetchall():
        yield user


@pytest.mark.parametrize("key", [KEY, KEY * 2, KEY.upper()], ids=["32 bytes", "64", "capitals"])
def test_a_pseudonym_is_the_keyed_hash_of_the_user(key: str, tmp_path: Path) -> None:
    run = build_requests(seeded(tmp_path), key, "2026a")
    assert run.succeeded, run.everything_said()
    expected = {
        "2026a_" + hmac.new(bytes.fromhex(key), user.encode(), hashlib.sha256).hexdigest()
        for user in users()
    }
    found = run.rows(
        "select distinct user_pseudonym from stg_litellm__requests where user_pseudonym is not null"
    )
    assert {pseudonym for (pseudonym,) in found} == expected
    assert len(expected) > 30


def test_without_a_key_pseudonyms_are_marked_as_a_demonstration(sample_build: DbtRun) -> None:
    prefixes = sample_build.rows(
        "select distinct split_part(user_pseudonym, '_', 1) from fct_attempts"
        " where user_pseudonym is not null"
    )
    assert prefixes == [("demo",)]


@pytest.mark.parametrize(
    "key",
    ["secret", KEY[:-2], KEY + "0", KEY * 2 + "00", KEY[:-1] + "g"],
    ids=["a word", "too short", "odd", "too long", "not hexadecimal"],
)
def test_a_bad_key_is_refused(key: str, tmp_path: Path) -> None:
    run = build_requests(tmp_path, key)
    assert not run.succeeded
    assert "AI_FINOPS_PSEUDONYM_KEY must be 64 to 128 hexadecimal digits" in run.everything_said()
    assert key not in run.everything_said()


def test_snowflake_stops_without_a_key(tmp_path: Path) -> None:
    with snowflake_emulator() as emulator:
        run = emulator.run_dbt(
            ["compile", "--select", "stg_litellm__spend_logs"],
            tmp_path,
            settings={"AI_FINOPS_PSEUDONYM_KEY": None},
        )
    assert not run.succeeded
    assert "AI_FINOPS_PSEUDONYM_KEY is not set" in run.everything_said()
