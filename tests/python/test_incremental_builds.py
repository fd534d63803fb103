"""A log that arrives in batches gives the marts of a log that was always there.

Batches come in any order and split the log anywhere: late rows, repeated deliveries, copies that
contradict an earlier one, interactions across midnight, days that lose their only row.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dbt_runs import SAMPLE_DATA, DbtRun, run_dbt
from hypothesis import strategies as st
from raw_files import (
    BUILD,
    BUILD_WITHOUT_SEEDS,
    Row,
    copy_project,
    drawn,
    mart_differences,
    price,
    read_seed,
    spend_log,
    write_seed,
    write_spend_logs,
)

LITELLM_ONLY = {"sources": ["litellm"]}
HISTORIES = 2


def deliveries() -> list[Row]:
    """Every row that ever arrives."""
    embedding = {
        "model": "cirrus-embed",
        "custom_llm_provider": "cirrus",
        "call_type": "aembedding",
        "completion": 0,
    }
    return [
        spend_log("plain-1", "2026-10-01 09:00:00", interaction_id="plain"),
        spend_log("plain-2", "2026-10-01 10:00:00", interaction_id="plain"),
        spend_log("late", "2026-10-01 11:00:00", _loaded_at="2026-11-05 00:00:00"),
        # An interaction on both sides of two midnights.
        spend_log("cross-1", "2026-10-01 23:59:59.9", interaction_id="cross"),
        spend_log("cross-2", "2026-10-02 00:00:01", interaction_id="cross"),
        spend_log("cross-3", "2026-10-03 00:10:00", interaction_id="cross"),
        # Delivered three times, unchanged.
        spend_log("again", "2026-10-02 08:00:00"),
        spend_log("again", "2026-10-02 08:00:00", _loaded_at="2026-10-04 00:00:00"),
        spend_log("again", "2026-10-02 08:00:00", _loaded_at="2026-10-05 00:00:00"),
        # A corrected payload contradicts the first: nobody knows which one is true.
        spend_log("changed", "2026-10-03 08:00:00"),
        spend_log("changed", "2026-10-03 08:00:00", prompt=2000, _loaded_at="2026-10-06 00:00:00"),
        spend_log("beside-changed", "2026-10-03 09:00:00"),
        # A day loses its only row.
        spend_log("lonely", "2026-10-07 08:00:00"),
        spend_log("lonely", "2026-10-07 08:00:00", prompt=2000, _loaded_at="2026-10-09 00:00:00"),
        # An interaction loses its first attempt and moves to the next day.
        spend_log("moves-1", "2026-10-08 23:50:00", interaction_id="moves"),
        spend_log("moves-1", "2026-10-08 23:50:00", prompt=1, interaction_id="moves"),
        spend_log("moves-2", "2026-10-09 00:10:00", interaction_id="moves"),
        spend_log("stays", "2026-10-08 12:00:00"),
        # Refused from the start.
        spend_log("timeless") | {"startTime": None},
        spend_log("negative", "2026-10-10 08:00:00", prompt=-1),
        # Without an id, twice.
        spend_log("", "2026-10-11 08:00:00"),
        spend_log("", "2026-10-11 08:00:00"),
        # Together above the first step of a graduated price: each day hangs on the whole month.
        spend_log("embedded-1", "2026-10-12 08:00:00", prompt=700_000_000, **embedding),
        spend_log("embedded-2", "2026-10-13 08:00:00", prompt=800_000_000, **embedding),
        # After the window of a price correction.
        spend_log("after", "2026-10-16 08:00:00"),
        # Without a price.
        spend_log("unknown", "2026-10-14 08:00:00", model="nobody-knows-me", spend=0.000001),
    ]


@dataclass
class Base:
    """A project with a small price list, its seeds already loaded."""

    project: Path
    workspace: Path

    def start(self, workspace: Path) -> Path:
        """A workspace with the seeds in its database and dbt's parse of the project."""
        shutil.copytree(self.workspace, workspace)
        return workspace

    def build(
        self, workspace: Path, raw_path: Path, *arguments: str, project: Path | None = None
    ) -> DbtRun:
        run = run_dbt(
            [*(arguments or BUILD_WITHOUT_SEEDS)],
            workspace,
            raw_path,
            variables=LITELLM_ONLY,
            project=project or self.project,
        )
        assert run.succeeded, run.error or run.failures()
        return run


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("incremental")
    project = copy_project(folder / "project", keep_price_list=False)
    one = Base(project, folder / "seeded")
    one.build(one.workspace, folder / "no_log", "seed")
    return one


@pytest.fixture(scope="module")
def at_once(base: Base, tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """Everything in one build of an empty database."""
    folder = tmp_path_factory.mktemp("at_once")
    raw_path = write_spend_logs(folder / "raw", deliveries())
    run = base.build(base.start(folder / "build"), raw_path)
    assert run.value("select count(*) from fct_attempts") == 15
    assert run.value("select sum(rejected_rows) from rpt_quarantined_records") == 9
    return run


def rebuilt_dates(run: DbtRun, model: str) -> set[date]:
    """Dates that the last run of an incremental model read again, from the SQL that it ran."""
    (path,) = run.target_path.glob(f"compiled/**/{model}.sql")
    instant = r"cast\('(\S+) 00:00:00' as timestamp\)"
    ranges = re.findall(rf">= {instant} and .*?< {instant}", path.read_text(encoding="utf-8"))
    dates: set[date] = set()
    for first, last in ranges:
        day, end = date.fromisoformat(first), date.fromisoformat(last)
        while day < end:
            dates.add(day)
            day += timedelta(days=1)
    return dates


def rebuilt_attempts(run: DbtRun) -> set[date]:
    """The same for the attempts, without dates that have none: they are looked at every time."""
    rejected = run.rows(
        """
        select attempt_date from int_request_days
        where attempt_date not in (select attempt_date from fct_attempts)
        """
    )
    return rebuilt_dates(run, "fct_attempts") - {day for (day,) in rejected}


def october(*days: int) -> set[date]:
    return {date(2026, 10, day) for day in days}


# ---------------------------------------------------------------------------
# Any batches in any order
# ---------------------------------------------------------------------------

# For each delivery the batch that brings it.
PARTITIONS = drawn(
    st.lists(st.integers(0, 2), min_size=len(deliveries()), max_size=len(deliveries())).filter(
        lambda batches: set(batches) == {0, 1, 2}
    ),
    HISTORIES,
)


@pytest.mark.parametrize("batches", PARTITIONS, ids=lambda _: "history")
def test_batches_in_any_order_equal_one_delivery(
    base: Base, at_once: DbtRun, tmp_path: Path, batches: list[int]
) -> None:
    workspace = base.start(tmp_path / "build")
    for number in sorted(set(batches)):
        arriving = [
            row for row, batch in zip(deliveries(), batches, strict=True) if batch == number
        ]
        write_spend_logs(tmp_path / "raw", arriving, part=f"_{number}")
        run = base.build(workspace, tmp_path / "raw")
    assert mart_differences(run.database, at_once.database) == {}


# ---------------------------------------------------------------------------
# One history, step by step
# ---------------------------------------------------------------------------


@dataclass
class Grown:
    """A database that has everything but what the tests below add."""

    run: DbtRun
    workspace: Path
    raw_path: Path


@pytest.fixture(scope="module")
def grown(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """The first version of every record is there; contradictions come later."""
    folder = tmp_path_factory.mktemp("grown")
    workspace = base.start(folder / "build")
    first: dict[str | None, Row] = {}
    for row in deliveries():
        first.setdefault(row["request_id"], row)
    raw_path = write_spend_logs(folder / "raw", list(first.values()))
    return Grown(base.build(workspace, raw_path), workspace, raw_path)


def branch(grown: Grown, tmp_path: Path) -> Grown:
    """A copy to go on from."""
    shutil.copytree(grown.workspace, tmp_path / "build")
    shutil.copytree(grown.raw_path, tmp_path / "raw")
    return Grown(grown.run, tmp_path / "build", tmp_path / "raw")


def full_refresh(base: Base, raw_path: Path, workspace: Path) -> DbtRun:
    return base.build(base.start(workspace), raw_path)


def test_unchanged_input_changes_nothing(base: Base, grown: Grown, tmp_path: Path) -> None:
    again = branch(grown, tmp_path)
    run = base.build(again.workspace, again.raw_path)
    assert mart_differences(run.database, grown.run.database) == {}
    assert rebuilt_dates(run, "int_requests_received") == set()
    assert rebuilt_attempts(run) == set()
    assert rebuilt_dates(run, "fct_interactions") == set()


def test_only_the_dates_of_arriving_rows_are_built_again(
    base: Base, grown: Grown, tmp_path: Path
) -> None:
    moving = """
        select interaction_date, attempts from fct_interactions where interaction_id = 'moves'
    """
    assert grown.run.rows(moving) == [(date(2026, 10, 8), 2)]
    later = branch(grown, tmp_path)
    write_spend_logs(
        later.raw_path,
        [
            spend_log("one-more", "2026-10-10 09:00:00"),
            spend_log("new-day", "2026-10-20 09:00:00"),
            # Contradictions: one empties its day, one takes the first attempt of an interaction.
            spend_log("lonely", "2026-10-07 08:00:00", prompt=3, _loaded_at="2026-11-05 00:00:00"),
            spend_log("moves-1", "2026-10-08 23:50:00", prompt=1, interaction_id="moves"),
        ],
        part="_later",
    )
    run = base.build(later.workspace, later.raw_path)
    assert rebuilt_dates(run, "int_requests_received") == october(7, 8, 10, 20)
    # The interaction's other attempt lies on the 9th.
    assert rebuilt_attempts(run) == october(8, 9, 10, 20)
    # The 7th has no interactions any more: it is looked at to take the old ones away.
    assert rebuilt_dates(run, "fct_interactions") == october(7, 8, 9, 10, 20)
    assert run.rows(moving) == [(date(2026, 10, 9), 1)]
    assert run.rows("select * from fct_attempts where attempt_date = '2026-10-07'") == []
    assert run.rows("select * from fct_interactions where interaction_date = '2026-10-07'") == []
    fresh = full_refresh(base, later.raw_path, tmp_path / "fresh")
    assert mart_differences(run.database, fresh.database) == {}


def test_a_record_that_comes_again_on_another_date_is_a_contradiction(
    base: Base, grown: Grown, tmp_path: Path
) -> None:
    later = branch(grown, tmp_path)
    moved = spend_log("late", "2026-10-15 11:00:00", _loaded_at="2026-11-06 00:00:00")
    write_spend_logs(later.raw_path, [moved], part="_later")
    run = base.build(later.workspace, later.raw_path)
    assert run.rows("select * from fct_attempts where source_record_id = 'late'") == []
    refused = run.rows(
        "select quarantine_reason from rpt_quarantined_records where source_record_id = 'late'"
    )
    assert refused == [("CONFLICT_DUP",), ("CONFLICT_DUP",)]


def test_a_price_correction_rates_its_own_day_again(
    base: Base, grown: Grown, tmp_path: Path
) -> None:
    daily = """
        select attempt_date, sum(contracted_cost_usd) from fct_attempts
        where model_id = 'aurora-mini' group by attempt_date
    """
    before = dict(grown.run.rows(daily))
    project = tmp_path / "project"
    shutil.copytree(base.project, project)
    window = {
        "valid_from_at": "2026-10-10 00:00:00",
        "valid_until_at": "2026-10-12 00:00:00",
        "recorded_at": "2026-11-20 00:00:00",
    }
    corrections = [
        price("corrected-input", "input_uncached", "0.60", **window),
        price("corrected-output", "output", "3.00", **window),
    ]
    write_seed(project, "contract_prices", [*read_seed(project, "contract_prices"), *corrections])
    later = branch(grown, tmp_path)
    run = base.build(later.workspace, later.raw_path, *BUILD, project=project)
    assert rebuilt_dates(run, "int_requests_received") == october(10, 11)
    assert rebuilt_attempts(run) == october(11)
    after = dict(run.rows(daily))
    assert {day for day in before if before[day] != after[day]} == october(11)
    assert after[date(2026, 10, 11)] == 2 * before[date(2026, 10, 11)] > Decimal(0)
    fresh = base.build(tmp_path / "fresh", later.raw_path, *BUILD, project=project)
    assert mart_differences(run.database, fresh.database) == {}


# ---------------------------------------------------------------------------
# Only the months whose bill or requests changed
# ---------------------------------------------------------------------------


def test_a_late_line_and_a_late_call_compute_their_months_again_and_no_other(
    sample_build: DbtRun, tmp_path: Path
) -> None:
    """The sample company gets one more line on October's bill and a call that August lacked."""
    raw_path = tmp_path / "raw"
    shutil.copytree(SAMPLE_DATA, raw_path)
    with duckdb.connect() as connection:
        connection.execute(
            f"""copy (
                select * replace (
                    'proj_of_nobody' as project_id, '3.00' as amount_value,
                    timestamp '2026-11-09 12:00:00' as _loaded_at
                )
                from read_parquet('{raw_path}/openai_billing/costs.parquet')
                where start_time = epoch(timestamptz '2026-10-20 00:00:00-07')
                limit 1
            ) to '{raw_path}/openai_billing/costs_late.parquet'"""
        )
    late_call = spend_log(
        "late-call", "2026-08-20 12:00:00", prompt=1_000_000, _loaded_at="2026-11-09 12:00:00"
    )
    write_spend_logs(raw_path, [late_call], part="_late")
    workspace = tmp_path / "grown"
    workspace.mkdir()
    shutil.copy(sample_build.database, workspace / "ai_finops.duckdb")

    grown = run_dbt(BUILD, workspace, raw_path)

    assert grown.succeeded, grown.error or grown.failures()
    for model in ("int_rated_classes_daily", "int_rated_shares_monthly", "int_rated_buckets"):
        assert rebuilt_dates(grown, model) == {date(2026, 8, 1), date(2026, 10, 1)}, model
    assert grown.value("select sum(amount_usd) from fct_cost_lines") == 0
    posted = "select sum(billed_cost_usd) from fct_invoice_lines"
    assert grown.value(posted) == sample_build.value(posted) + 3
    fresh = run_dbt(BUILD, tmp_path / "fresh", raw_path)
    assert fresh.succeeded, fresh.error or fresh.failures()
    assert mart_differences(grown.database, fresh.database) == {}
