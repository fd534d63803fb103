"""Builds with the `as_of` var show what was known then, also in a database that knew more."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dbt_runs import SAMPLE_DATA, DbtRun, run_dbt
from raw_files import BUILD, BUILD_WITHOUT_SEEDS, copy_project, mart_differences
from test_oracle_agrees import assert_agreement, compute

# One second before the correction was recorded; the two moments around the new price follow it.
BEFORE_CORRECTION = "2026-10-10 08:59:59"
BEFORE_NANO_PRICE = "2026-10-29 00:00:00"
AFTER_NANO_PRICE = "2026-10-31 00:00:00"
LATER = "2030-01-01 00:00:00"

NANO = "model_id = 'aurora-nano'"
SEPTEMBER_SUMMARIES = (
    "application_id = 'uw-summariser' and started_at >= '2026-09-01' and started_at < '2026-10-01'"
)


@dataclass
class KnownThen:
    """Figures of a build at one knowledge time, taken before the next build replaced them."""

    attempts: int
    nano: list[tuple[str | None, int, Decimal | None, Decimal | None]]
    september_usd: Decimal
    other_days_usd: Decimal


def figures(run: DbtRun) -> KnownThen:
    return KnownThen(
        attempts=run.value("select count(*) from fct_attempts"),
        nano=run.rows(
            f"""
            select
                unpriced_reason, count(*), sum(contracted_cost_usd), sum(unpriced_exposure_usd)
            from fct_attempts where {NANO} group by unpriced_reason
            """
        ),
        september_usd=run.value(
            f"select sum(contracted_cost_usd) from fct_attempts where {SEPTEMBER_SUMMARIES}"
        ),
        other_days_usd=run.value(
            f"""
            select sum(contracted_cost_usd) from fct_attempts
            where not ({SEPTEMBER_SUMMARIES}) and started_at < '2026-10-08'
            """
        ),
    )


@dataclass
class History:
    """One database, built at one knowledge time after the other."""

    project: Path
    raw_path: Path
    known: dict[str, KnownThen]
    last: DbtRun


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The two stories' calls out of the sample company's log, whose models have no public price:
    in four builds of one database."""
    workspace = tmp_path_factory.mktemp("as_of")
    project = copy_project(workspace / "project", keep_price_list=False)
    raw_path = workspace / "raw"
    (raw_path / "litellm").mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select * from '{SAMPLE_DATA}/litellm/spend_logs.parquet'
                where
                    "startTime" >= '2026-09-20'
                    and regexp_matches(metadata, '"application": "(uw-summariser|marketing-draft)"')
                    or "startTime" >= '2026-09-01'
                    and metadata like '%"application": "uw-summariser"%'
            ) to '{raw_path}/litellm/spend_logs.parquet'
            """
        )
    known = {}
    # The order makes knowledge grow, shrink and grow again.
    for number, as_of in enumerate((AFTER_NANO_PRICE, BEFORE_CORRECTION, BEFORE_NANO_PRICE, LATER)):
        run = run_dbt(
            BUILD_WITHOUT_SEEDS if number else BUILD,
            workspace,
            raw_path=raw_path,
            variables={"sources": ["litellm"], "as_of": as_of},
            project=project,
        )
        assert run.succeeded, run.error or run.failures()
        assert_agreement(run, compute(raw_path, ["litellm"], as_of, project), bills={})
        known[as_of] = figures(run)
    return History(project, raw_path, known, run)


def test_calls_before_their_price_was_recorded_are_unpriced(history: History) -> None:
    ((reason, calls, cost, exposure),) = history.known[BEFORE_NANO_PRICE].nano
    assert (reason, calls, cost) == ("unknown_model", 5, None)
    # Nothing earlier is known of the model, so the gateway's own figure stands beside the gap.
    assert exposure == Decimal("0.002")


def test_calls_are_rated_once_their_price_is_recorded(history: History) -> None:
    assert history.known[AFTER_NANO_PRICE].nano == [(None, 10, Decimal("0.004"), None)]


def test_a_price_correction_counts_from_its_recording(history: History) -> None:
    assert history.known[BEFORE_CORRECTION].september_usd == Decimal("261.00")
    assert history.known[BEFORE_NANO_PRICE].september_usd == Decimal("247.95")
    assert history.known[LATER].september_usd == Decimal("247.95")


def test_a_price_correction_touches_its_own_window_only(history: History) -> None:
    before, after = history.known[BEFORE_CORRECTION], history.known[BEFORE_NANO_PRICE]
    assert before.other_days_usd == after.other_days_usd


def test_rows_that_arrived_later_are_not_there(history: History) -> None:
    counts = [history.known[as_of].attempts for as_of in sorted(history.known)]
    assert counts == sorted(counts) and len(set(counts)) == 4
    newest = history.last.value("select max(ingested_at) from fct_attempts")
    assert counts[-1] == history.known[LATER].attempts
    assert str(newest) < LATER


def test_knowledge_of_everything_is_the_default(
    history: History, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fresh = run_dbt(
        BUILD,
        tmp_path_factory.mktemp("default"),
        raw_path=history.raw_path,
        variables={"sources": ["litellm"]},
        project=history.project,
    )
    assert fresh.succeeded, fresh.error or fresh.failures()
    assert mart_differences(history.last.database, fresh.database) == {}
