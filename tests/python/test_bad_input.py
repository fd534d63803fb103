"""What a newcomer's imperfect files lead to: equal marts, a named quarantine or a clear message.

The numbers in parentheses are rows of the project's catalogue of bad input.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import LOG_SLICE, PLAIN_BUILD
from dbt_runs import DbtRun, run_dbt
from raw_files import (
    BUILD,
    SPEND_LOG_TYPES,
    Row,
    mart_differences,
    spend_log,
    write_table,
)

LITELLM_ONLY = {"sources": ["litellm"]}
CANARY = "CANARY-7f3a-this-must-not-be-anywhere"
MINI_INPUT, MINI_OUTPUT = Decimal("0.30"), Decimal("1.50")
MILLION = Decimal(1_000_000)


def mini_cost(prompt: int, completion: int = 100) -> Decimal:
    """USD of an aurora-mini call without cached tokens."""
    return (prompt * MINI_INPUT + completion * MINI_OUTPUT) / MILLION


# ---------------------------------------------------------------------------
# One log with every kind of bad row in it
# ---------------------------------------------------------------------------

CLEAN_ROWS = 400
REDELIVERED = 4


def clean_rows() -> list[Row]:
    return [
        spend_log(f"clean-{n}", f"2026-10-{1 + n % 28:02d} 10:{n % 60:02d}:00", spend=0.0005)
        for n in range(CLEAN_ROWS)
    ]


def with_usage(**usage: Any) -> Row:
    """Metadata with another usage object."""
    return {"metadata": {"usage_object": usage}}


def bad_rows() -> list[Row]:
    clean = clean_rows()
    return [
        # (1) delivered again, later
        *(row | {"_loaded_at": "2026-10-30 00:00:00"} for row in clean[:REDELIVERED]),
        # (3) one key, two payloads; a third delivery repeats the first
        spend_log("conflict", prompt=1000, spend=0.002),
        spend_log("conflict", prompt=1001, spend=0.003, _loaded_at="2026-10-21 00:00:00"),
        spend_log("conflict", prompt=1000, spend=0.002, _loaded_at="2026-10-22 00:00:00"),
        # (5) no id
        spend_log(None, "2026-10-20 08:00:00", prompt=501),
        spend_log("", "2026-10-20 08:00:01", prompt=502),
        spend_log("", "2026-10-20 08:00:02", prompt=503),
        spend_log("", "2026-10-20 08:00:02", prompt=503),
        # (6), (7) counts that cannot be
        spend_log("negative-prompt", prompt=-5),
        spend_log("negative-output", completion=-1),
        spend_log("negative-cache", cached=-10),
        spend_log("cache-above-prompt", prompt=100, cached=500),
        spend_log("negative-audio", **with_usage(prompt_tokens_details={"audio_tokens": -100})),
        # (9) counts as text
        spend_log("grouped", prompt="1,234"),
        spend_log("scientific", prompt="1e3"),
        spend_log("decimal", prompt="12.0"),
        spend_log("words", prompt="abc"),
        spend_log("fraction", prompt="12.5"),
        spend_log("words-in-metadata", cached="many"),
        # (10)
        spend_log(
            "impossible", prompt=100_000_000, model="gpt-5-mini", custom_llm_provider="openai"
        ),
        # (11) a success that reports nothing
        spend_log("no-usage", prompt=0, completion=0, spend=0.0001),
        # (12) a failure is never priced from the gateway's own guess
        spend_log("failed", prompt=300, completion=0, status="failure", spend=0),
        # (14), (15), (16)
        spend_log("ends-early", endTime="2026-10-20 11:59:59"),
        spend_log("future", "2026-10-20 12:05:00.001", _loaded_at="2026-10-20 12:00:00"),
        spend_log("just-in-time", "2026-10-20 12:05:00", _loaded_at="2026-10-20 12:00:00"),
        spend_log("ancient", "2019-12-31 23:59:59.999"),
        spend_log("oldest", "2020-01-01 00:00:00", spend=0.0001),
        spend_log("far-off", "2100-01-01 00:00:00"),
        spend_log("timeless") | {"startTime": None},
        # (19) a model nobody knows
        spend_log("unknown-model", model="nobody-knows-me", spend=0.0007),
        # (38) a key nobody knows, and no application
        spend_log(
            "unknown-key", api_key="key-nobody-knows", metadata={"spend_logs_metadata": None}
        ),
        # (68) a tier nobody knows
        spend_log(
            "unknown-tier",
            spend=0.0001,
            metadata={"cost_breakdown": {"service_tier": "teleport"}},
        ),
        # metadata that is no JSON, or nothing
        spend_log("broken-metadata", spend=0.0009) | {"metadata": '{"usage_object": {"pro'},
        spend_log("no-metadata") | {"metadata": None},
        # (72) an e-mail where the end user's id belongs
        spend_log("email", end_user="jane.doe@example.com"),
    ]


@dataclass
class Dirty:
    """The build of the dirty log."""

    run: DbtRun
    raw_path: Path
    workspace: Path

    def attempt(self, record_id: str, columns: str) -> tuple[Any, ...]:
        """Columns of the accepted attempt; fails when there is not exactly one."""
        (row,) = self.run.rows(
            f"select {columns} from fct_attempts where source_record_id = '{record_id}'"
        )
        return row

    def quarantined(self, record_id: str) -> list[tuple[Any, ...]]:
        """Reason and estimate of the refused payloads of a record."""
        return self.run.rows(
            "select quarantine_reason, estimated_cost_usd from rpt_quarantined_records "
            f"where source_record_id = '{record_id}' order by payload_number"
        )


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Dirty:
    """`dbt build` with all data tests of a log with every kind of bad row, in three files."""
    workspace = tmp_path_factory.mktemp("dirty")
    raw_path = workspace / "raw"
    text_counts = SPEND_LOG_TYPES | {"prompt_tokens": "varchar", "completion_tokens": "varchar"}
    # (69), (71): columns that nobody declared, with content in them.
    more = {
        "messages": "varchar",
        "response": "varchar",
        "proxy_server_request": "varchar",
        "requester_ip_address": "varchar",
        "a_column_of_next_year": "varchar",
    }
    content = dict.fromkeys(more, json.dumps([{"role": "user", "content": CANARY}]))
    clean = clean_rows()
    fewer = {name: kind for name, kind in text_counts.items() if name != "agent_id"}
    write_table(raw_path, "spend_logs", clean[:200], fewer, part="_2026_10_a")
    write_table(raw_path, "spend_logs", clean[200:], text_counts, part="_2026_10_b")
    write_table(
        raw_path,
        "spend_logs",
        [row | content for row in bad_rows()],
        text_counts | more,
        part="_2026_11",
    )
    run = run_dbt(PLAIN_BUILD, workspace, raw_path=raw_path, variables=LITELLM_ONLY)
    return Dirty(run, raw_path, workspace)


def test_a_dirty_log_builds(dirty: Dirty) -> None:
    assert dirty.run.succeeded, dirty.run.error or dirty.run.failures()


def test_every_row_is_accounted_for(dirty: Dirty) -> None:
    (row,) = dirty.run.rows(
        """
        select received_rows, accepted_rows, quarantined_rows, superseded_rows, exact_duplicates
        from rpt_source_freshness
        """
    )
    received, accepted, quarantined, superseded, duplicates = row
    assert received == CLEAN_ROWS + len(bad_rows())
    assert received == accepted + quarantined + superseded + duplicates
    assert superseded == 0
    assert accepted == dirty.run.value("select count(*) from fct_attempts")
    assert quarantined == dirty.run.value("select sum(rejected_rows) from rpt_quarantined_records")


def test_exact_copies_are_dropped_and_counted(dirty: Dirty) -> None:
    # One more copy is the repeated payload of the conflict.
    assert dirty.run.value("select exact_duplicates from rpt_source_freshness") == REDELIVERED + 1
    assert (
        dirty.run.value("select count(*) from fct_attempts where source_record_id like 'clean-%'")
        == CLEAN_ROWS
    )


def test_conflicting_copies_are_both_refused(dirty: Dirty) -> None:
    refused = dirty.quarantined("conflict")
    assert [reason for reason, _ in refused] == ["CONFLICT_DUP", "CONFLICT_DUP"]
    # Once, at the larger estimate.
    assert sum(estimate for _, estimate in refused) == Decimal("0.003")


@pytest.mark.parametrize(
    ("record_id", "reason"),
    [
        ("negative-prompt", "TOKEN_NEGATIVE"),
        ("negative-output", "TOKEN_NEGATIVE"),
        ("negative-cache", "TOKEN_NEGATIVE"),
        ("negative-audio", "TOKEN_NEGATIVE"),
        ("cache-above-prompt", "TOKEN_NEGATIVE_NET"),
        ("words", "TOKEN_PARSE"),
        ("fraction", "TOKEN_PARSE"),
        ("words-in-metadata", "TOKEN_PARSE"),
        ("impossible", "TOKEN_IMPOSSIBLE"),
        ("future", "FUTURE_TS"),
        ("ancient", "TS_RANGE"),
        ("far-off", "TS_RANGE"),
        ("timeless", "TS_RANGE"),
        ("broken-metadata", "METADATA_PARSE"),
    ],
)
def test_refused_rows_have_a_reason_and_an_estimate(
    dirty: Dirty, record_id: str, reason: str
) -> None:
    ((found, estimate),) = dirty.quarantined(record_id)
    assert found == reason
    assert estimate > 0


def test_the_estimate_of_unreadable_metadata_is_the_gateway_cost(dirty: Dirty) -> None:
    assert dirty.quarantined("broken-metadata") == [("METADATA_PARSE", Decimal("0.0009"))]


@pytest.mark.parametrize(
    ("record_id", "prompt"), [("grouped", 1234), ("scientific", 1000), ("decimal", 12)]
)
def test_counts_written_as_text_are_read_without_loss(
    dirty: Dirty, record_id: str, prompt: int
) -> None:
    assert dirty.attempt(record_id, "context_tokens, contracted_cost_usd") == (
        prompt,
        mini_cost(prompt),
    )


def test_calls_without_an_id_get_one_and_equal_ones_are_not_believed(dirty: Dirty) -> None:
    rows = dirty.run.rows(
        """
        select context_tokens, quality_flags like '%SYNTH_ID%' from fct_attempts
        where source_record_id like 'synthetic:%' order by context_tokens
        """
    )
    assert rows == [(501, True), (502, True), (503, True)]
    ambiguous = dirty.run.rows(
        """
        select rejected_rows, estimated_cost_usd from rpt_quarantined_records
        where quarantine_reason = 'AMBIGUOUS_DUP'
        """
    )
    assert ambiguous == [(1, Decimal("0.001"))]


def test_a_success_without_usage_costs_an_unknown_amount(dirty: Dirty) -> None:
    assert dirty.attempt(
        "no-usage", "contracted_cost_usd, unpriced_reason, unpriced_exposure_usd"
    ) == (None, "no_usage", Decimal("0.0001"))


def test_a_failure_costs_nothing(dirty: Dirty) -> None:
    assert dirty.attempt("failed", "status, contracted_cost_usd, context_tokens") == (
        "provider_error",
        Decimal(0),
        300,
    )


def test_an_end_before_the_start_is_flagged(dirty: Dirty) -> None:
    latency, flags = dirty.attempt("ends-early", "latency_seconds, quality_flags")
    assert latency is None
    assert "CLOCK_SKEW" in flags


def test_five_minutes_ahead_is_still_believed(dirty: Dirty) -> None:
    assert dirty.attempt("just-in-time", "contracted_cost_usd") == (mini_cost(1000),)


def test_a_call_before_any_price_is_unpriced(dirty: Dirty) -> None:
    assert dirty.attempt(
        "oldest", "contracted_cost_usd, unpriced_reason, unpriced_exposure_usd"
    ) == (None, "no_price", Decimal("0.0001"))


def test_an_unknown_model_is_unpriced_with_its_exposure(dirty: Dirty) -> None:
    assert dirty.attempt(
        "unknown-model",
        "model_id, contracted_cost_usd, effective_cost_usd, unpriced_reason, unpriced_exposure_usd",
    ) == ("nobody-knows-me", None, None, "unknown_model", Decimal("0.0007"))
    assert dirty.run.rows("select is_known from dim_models where model_id = 'nobody-knows-me'") == [
        (False,)
    ]


def test_an_unknown_model_is_warned_about(dirty: Dirty) -> None:
    warnings = dirty.run.warnings()
    assert "unpriced_models_are_listed_in_fct_attempts" in warnings


def test_an_unknown_tier_is_not_priced_as_the_standard_one(dirty: Dirty) -> None:
    assert dirty.attempt(
        "unknown-tier", "pricing_mode, service_tier_served, contracted_cost_usd, unpriced_reason"
    ) == ("unknown", "teleport", None, "no_price")


def test_an_unknown_key_is_unowned(dirty: Dirty) -> None:
    assert dirty.attempt(
        "unknown-key", "application_id, cost_center_id, owner_source, contracted_cost_usd"
    ) == ("UNREGISTERED", "UNOWNED", "none", mini_cost(1000))


def test_a_call_without_metadata_is_rated_from_its_columns(dirty: Dirty) -> None:
    assert dirty.attempt("no-metadata", "contracted_cost_usd") == (mini_cost(1000),)


def test_an_email_leaves_staging_as_a_pseudonym_only(dirty: Dirty) -> None:
    (pseudonym,) = dirty.attempt("email", "user_pseudonym")
    assert pseudonym.startswith("demo_")
    assert hashlib.sha256(b"jane.doe@example.com").hexdigest() not in pseudonym
    assert tables_with(dirty.run.database, "jane.doe@example.com") == []


def test_prompt_content_is_in_no_built_table(dirty: Dirty) -> None:
    assert tables_with(dirty.run.database, CANARY) == []
    # The search itself finds what is there.
    assert "fct_attempts" in tables_with(dirty.run.database, "nobody-knows-me")


def tables_with(database: Path, text: str) -> list[str]:
    """Built tables, seeds aside, that hold the text in any column."""
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.execute(
            """
            select distinct table_name from information_schema.tables
            where table_type = 'BASE TABLE'
            """
        ).fetchall()
        return [
            name
            for (name,) in tables
            if connection.execute(
                f"select count(*) from {name} where contains(cast({name} as varchar), ?)", [text]
            ).fetchall()[0][0]
        ]


@pytest.mark.parametrize(
    ("limit", "test"),
    [
        ("unpriced_limit_ratio", "unpriced_exposure_stays_below_the_limit"),
        ("token_convention_limit_ratio", "token_conventions_fit_their_sources"),
    ],
)
def test_a_limit_makes_the_build_fail(dirty: Dirty, limit: str, test: str) -> None:
    run = run_dbt(
        ["test", "--select", test],
        dirty.workspace,
        raw_path=dirty.raw_path,
        variables=LITELLM_ONLY | {limit: 0},
    )
    assert not run.succeeded
    assert list(run.failures()) == [test]


# ---------------------------------------------------------------------------
# Other formats
# ---------------------------------------------------------------------------


def export_slice(raw_path: Path, file_format: str) -> None:
    """The slice as a newcomer's database client writes it: CSV, or JSON lines with real objects."""
    folder = raw_path / "litellm"
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        for table, nested in (
            ("spend_logs", ("metadata", "request_tags", "messages", "response")),
            ("teams", ("metadata",)),
            ("keys", ("metadata",)),
        ):
            source = f"'{LOG_SLICE}/litellm/{table}.parquet'"
            target = f"{folder}/{table}.{file_format}"
            if file_format == "csv":
                connection.execute(f"copy (from {source}) to '{target}' (format csv, header)")
            else:
                objects = ", ".join(f"cast({name} as json) as {name}" for name in nested)
                connection.execute(
                    f"copy (select * replace ({objects}) from {source}) to '{target}' (format json)"
                )


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_another_format_gives_the_same_marts(
    slice_build: DbtRun, tmp_path: Path, file_format: str
) -> None:
    export_slice(tmp_path / "raw", file_format)
    run = run_dbt(
        BUILD,
        tmp_path / "build",
        raw_path=tmp_path / "raw",
        variables=LITELLM_ONLY,
        settings={"AI_FINOPS_RAW_FORMAT": file_format},
    )
    assert run.succeeded, run.error or run.failures()
    # JSON objects come back with other blanks between tags than the proxy's text.
    left_out = {"fct_attempts": ["request_tags"]} if file_format == "json" else {}
    differences = mart_differences(
        run.database, slice_build.database, lambda mart: left_out.get(mart, [])
    )
    assert differences == {}


# ---------------------------------------------------------------------------
# Files that are missing, empty or of another shape
# ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One workspace for the runs below, so that dbt parses the project once."""
    return tmp_path_factory.mktemp("desk")


def read_log(desk: Path, raw_path: Path, **settings: str) -> DbtRun:
    """A run of the first model of the log, which is where its file is checked."""
    return run_dbt(
        ["build", "--select", "stg_litellm__spend_logs", "--exclude-resource-type", "test"],
        desk,
        raw_path=raw_path,
        variables=LITELLM_ONLY,
        settings=dict(settings),
    )


def assert_says(run: DbtRun, *parts: str) -> None:
    assert not run.succeeded
    said = run.everything_said()
    for part in parts:
        assert part in said, said


def test_a_missing_required_column_is_named(desk: Path, tmp_path: Path) -> None:
    types = {n: k for n, k in SPEND_LOG_TYPES.items() if n not in ("prompt_tokens", "startTime")}
    write_table(tmp_path, "spend_logs", clean_rows()[:3], types)
    assert_says(
        read_log(desk, tmp_path),
        "'litellm'",
        "'spend_logs'",
        "prompt_tokens, startTime",
        f"{tmp_path}/litellm/spend_logs*.parquet",
        "AI_FINOPS_RAW_PATH",
    )


def test_missing_optional_columns_are_null(desk: Path, tmp_path: Path) -> None:
    optional = ("end_user", "agent_id", "completionStartTime", "_loaded_at", "total_tokens")
    types = {name: kind for name, kind in SPEND_LOG_TYPES.items() if name not in optional}
    write_table(tmp_path, "spend_logs", clean_rows()[:3], types)
    run = read_log(desk, tmp_path)
    assert run.succeeded, run.everything_said()
    nulls = ", ".join(optional).replace("end_user", "user_pseudonym")
    found = run.rows(f"select {nulls}, count(*) from stg_litellm__spend_logs group by all")
    assert found == [(None, None, None, None, None, 3)]


def test_column_names_may_be_written_in_another_case(desk: Path, tmp_path: Path) -> None:
    types = {name.lower(): kind for name, kind in SPEND_LOG_TYPES.items()}
    rows = [{name.lower(): value for name, value in row.items()} for row in clean_rows()[:3]]
    write_table(tmp_path, "spend_logs", rows, types)
    run = read_log(desk, tmp_path)
    assert run.succeeded, run.everything_said()
    assert run.value('select count("startTime") from stg_litellm__spend_logs') == 3


def test_a_missing_file_is_named(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "litellm").mkdir()
    assert_says(
        read_log(desk, tmp_path),
        "'litellm'",
        "'spend_logs'",
        f"{tmp_path}/litellm/spend_logs*.parquet",
        "does not exist",
        "AI_FINOPS_RAW_PATH",
        "sources",
    )


def test_a_missing_folder_reads_like_a_missing_file(desk: Path, tmp_path: Path) -> None:
    assert_says(read_log(desk, tmp_path / "nowhere"), "does not exist", "AI_FINOPS_RAW_PATH")


def test_files_of_another_format_are_not_found(desk: Path, tmp_path: Path) -> None:
    write_table(tmp_path, "spend_logs", clean_rows()[:3], file_format="csv")
    assert_says(
        read_log(desk, tmp_path), "spend_logs*.parquet", "does not exist", "AI_FINOPS_RAW_FORMAT"
    )


def test_an_empty_file_never_reads_as_zero_cost(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "litellm").mkdir()
    (tmp_path / "litellm" / "spend_logs.parquet").touch()
    assert_says(read_log(desk, tmp_path), f"{tmp_path}/litellm/spend_logs", "is an empty file")


@pytest.mark.parametrize("file_format", ["csv", "json"])
def test_an_empty_text_file_never_reads_as_zero_cost(
    desk: Path, tmp_path: Path, file_format: str
) -> None:
    (tmp_path / "litellm").mkdir()
    (tmp_path / "litellm" / f"spend_logs.{file_format}").touch()
    run = read_log(desk, tmp_path, AI_FINOPS_RAW_FORMAT=file_format)
    assert_says(run, f"{tmp_path}/litellm/spend_logs", "is an empty file")


def test_an_empty_file_among_others_is_named(desk: Path, tmp_path: Path) -> None:
    for day in ("_2026_10_01", "_2026_10_03"):
        write_table(tmp_path, "spend_logs", clean_rows()[:3], part=day)
    (tmp_path / "litellm" / "spend_logs_2026_10_02.parquet").touch()
    run = read_log(desk, tmp_path)
    assert_says(run, "spend_logs_2026_10_02.parquet is an empty file")
    assert "spend_logs_2026_10_01" not in run.everything_said()


@pytest.mark.parametrize("file_format", ["xlsx", "Parquet", ""])
def test_a_format_that_is_not_read_is_said(desk: Path, tmp_path: Path, file_format: str) -> None:
    run = read_log(desk, tmp_path, AI_FINOPS_RAW_FORMAT=file_format)
    assert_says(run, f"AI_FINOPS_RAW_FORMAT is '{file_format}'", "must be parquet, csv or json")


def test_a_file_without_rows_never_reads_as_zero_cost(desk: Path, tmp_path: Path) -> None:
    write_table(tmp_path, "spend_logs", [])
    assert_says(read_log(desk, tmp_path), f"{tmp_path}/litellm/spend_logs", "has no rows")


def test_a_file_that_is_not_what_its_name_says(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "litellm").mkdir()
    (tmp_path / "litellm" / "spend_logs.parquet").write_text("request_id,spend\n", "utf-8")
    assert_says(read_log(desk, tmp_path), f"{tmp_path}/litellm/spend_logs.parquet")


def test_other_sources_need_no_files_and_optional_tables_neither(dirty: Dirty) -> None:
    files = [path for path in dirty.raw_path.rglob("*") if path.is_file()]
    assert files and all(path.match("litellm/spend_logs_*.parquet") for path in files)
    assert dirty.run.succeeded, dirty.run.error or dirty.run.failures()


def test_a_source_that_nobody_knows_never_reads_as_zero_cost(desk: Path, tmp_path: Path) -> None:
    run = run_dbt(BUILD, desk, raw_path=tmp_path, variables={"sources": ["litelm"]})
    assert_says(run, "litelm", "sources")


def test_no_source_at_all_gives_empty_marts(tmp_path: Path) -> None:
    run = run_dbt(BUILD, tmp_path / "build", tmp_path / "nowhere", variables={"sources": []})
    assert run.succeeded, run.error or run.failures()
    for mart in ("fct_attempts", "fct_interactions", "rpt_cost_per_interaction_daily"):
        assert run.value(f"select count(*) from {mart}") == 0
