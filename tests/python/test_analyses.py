"""The analyses answer with numbers that add up, on the sample company and on a real log."""

from __future__ import annotations

import os
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from conftest import LOG_SLICE
from dbt_runs import DbtRun, run_dbt

NAMED_ATTEMPT = "the-attempt-that-is-named"


@cache
def compiled_sql(database: Path, analysis: str, is_slice: bool, is_named: bool) -> str:
    """An analysis as dbt compiles it; a named attempt is NAMED_ATTEMPT."""
    variables: dict[str, Any] = {"sources": ["litellm"]} if is_slice else {}
    if is_named:
        variables["attempt_id"] = NAMED_ATTEMPT
    run = run_dbt(
        ["compile", "--select", analysis],
        # Beside the build that every test reads: compiling writes, and needs no rows.
        database.parent / f"analyses_{os.getpid()}",
        raw_path=LOG_SLICE if is_slice else None,
        variables=variables,
    )
    assert run.succeeded, run.everything_said()
    (path,) = run.target_path.rglob(f"analyses/{analysis}.sql")
    return path.read_text()


def answer(
    build: DbtRun, analysis: str, is_slice: bool = False, attempt: str = ""
) -> list[dict[str, Any]]:
    """Rows of an analysis on a built database, by column name.

    `is_slice` marks a build of a LiteLLM log alone.
    """
    query = compiled_sql(build.database, analysis, is_slice, bool(attempt))
    query = query.replace(NAMED_ATTEMPT, attempt)
    columns = [name for name, *_ in build.rows(f"describe {query}")]
    return [dict(zip(columns, row, strict=True)) for row in build.rows(query)]


def causes(rows: list[dict[str, Any]]) -> Counter[str]:
    """Attempts by cause."""
    counted: Counter[str] = Counter()
    for row in rows:
        counted[row["cause"]] += row["attempts"]
    return counted


def assert_explains(build: DbtRun, attempt: str, is_slice: bool) -> None:
    """The lines of an attempt add up to what its fact holds, without a remainder."""
    rows = answer(build, "explain_attempt_cost", is_slice, attempt)
    *lines, total = rows
    ((fact, tokens),) = build.rows(
        "select contracted_cost_usd, input_uncached_tokens + cache_read_tokens"
        " + cache_write_5m_tokens + coalesce(cache_write_1h_tokens, 0) + output_tokens"
        " + input_audio_tokens + output_audio_tokens + input_image_tokens"
        f" from fct_attempts where attempt_id = '{attempt}'"
    )
    assert total["line"] == f"attempt {attempt}"
    assert total["amount_usd"] == fact
    assert sum(line["units"] or 0 for line in lines) == tokens
    if fact is None:
        assert any(line["amount_usd"] is None for line in lines) or not lines
    else:
        assert sum((line["amount_usd"] for line in lines), Decimal(0)) == fact
    assert all(
        line["price_row_id"] for line in lines if line["amount_usd"] and line["line"] != "rounding"
    )


def test_the_costliest_attempt_is_explained_unless_another_is_named(sample_build: DbtRun) -> None:
    *_, total = answer(sample_build, "explain_attempt_cost")
    assert total["amount_usd"] == sample_build.value(
        "select max(contracted_cost_usd) from fct_attempts"
    )


@pytest.mark.parametrize(
    "condition",
    [
        "application_id = 'kb-search' and is_cost_bearing",
        "pricing_mode = 'batch'",
        "pricing_mode = 'committed'",
        "application_id = 'claims-index' and attempt_date < '2026-10-01'",
        "status <> 'success'",
        "application_id = 'policy-search-index' and attempt_date >= '2026-10-01'",
    ],
)
def test_lines_of_a_sample_attempt_add_up(condition: str, sample_build: DbtRun) -> None:
    attempt = sample_build.value(f"select min(attempt_id) from fct_attempts where {condition}")
    assert attempt, "the sample company no longer has such an attempt"
    assert_explains(sample_build, attempt, is_slice=False)


@pytest.mark.parametrize(
    "condition",
    [
        "is_gateway_cache_hit",
        "unpriced_reason = 'unknown_model'",
        "cache_write_5m_tokens > 0",
        "pricing_mode = 'flex'",
        "reasoning_tokens > output_tokens",
    ],
)
def test_lines_of_a_real_attempt_add_up(condition: str, slice_build: DbtRun) -> None:
    attempt = slice_build.value(f"select min(attempt_id) from fct_attempts where {condition}")
    assert attempt, "the slice no longer has such an attempt"
    assert_explains(slice_build, attempt, is_slice=True)


def test_every_difference_to_a_real_gateway_has_a_cause(slice_build: DbtRun) -> None:
    rows = answer(slice_build, "compare_with_gateway_cost", is_slice=True)
    found = causes(rows)
    spilled = slice_build.value(
        "select count(*) from fct_attempts where pricing_mode = 'committed_spill'"
    )
    capacity = slice_build.value(
        f"select count(*) from '{LOG_SLICE}/litellm/spend_logs.parquet'"
        " where model like '%-ptu-%' and status = 'success'"
    )
    assert sum(found.values()) == slice_build.value("select count(*) from fct_attempts")
    assert "price_difference" not in found
    assert found["capacity_logged_at_zero"] == capacity - spilled > 0
    assert found["gateway_cache_hit"] == 5
    assert found["reasoning_charged_above_output"] == 5
    assert found["unpriced_unknown_model"] == 4


def test_equal_means_equal_and_differences_add_up(slice_build: DbtRun) -> None:
    rows = answer(slice_build, "compare_with_gateway_cost", is_slice=True)
    for row in rows:
        if row["cause"] in ("equal", "gateway_cache_hit"):
            assert row["difference_usd"] == 0
    assert sum(row["difference_usd"] or 0 for row in rows) == slice_build.value(
        "select sum(contracted_cost_usd - gateway_reported_cost_usd) from fct_attempts"
    )


def test_every_difference_to_the_complete_real_log_has_a_cause(real_log_build: DbtRun) -> None:
    rows = answer(real_log_build, "compare_with_gateway_cost", is_slice=True)
    assert causes(rows) == {
        "equal": 2069,
        "capacity_logged_at_zero": 174,
        "unpriced_unknown_model": 90,
        "gateway_cache_hit": 31,
        "reasoning_charged_above_output": 14,
    }


def test_differences_to_the_sample_gateway_are_a_correction_and_a_currency(
    sample_build: DbtRun,
) -> None:
    found = causes(answer(sample_build, "compare_with_gateway_cost"))
    assert sum(found.values()) == sample_build.value(
        "select count(gateway_reported_cost_usd) from fct_attempts"
    )
    # September's batch prices were corrected later; Cirrus bills in EUR, by volume.
    assert set(found) - {"equal"} == {"contract_price", "price_in_another_currency"}
    assert found["contract_price"] == 300
