"""The ledger over time: what was posted stays posted, whatever becomes known later."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dbt_runs import PROJECT, SAMPLE_DATA, DbtRun, run_dbt
from raw_files import copy_project, read_seed, spend_log, write_seed, write_table
from test_invoice_connectors import AS_CSV, charge, write_csv
from test_oracle_bills import expected_lines, posted_lines, unequal

from tests.oracle.books import load_books

LEDGER = ["build", "--select", "+fct_cost_lines", "--exclude-resource-type", "unit_test", "test"]
CLOSE_OF_SEPTEMBER = "2026-10-05 23:59:00"
COPIED = [
    "dbt_project.yml",
    "profiles.yml",
    "models",
    "macros",
    "seeds",
    "snapshots",
    "tests/generic",
]


def posted_until(build: DbtRun, posting_month: str) -> list[tuple[Any, ...]]:
    """All columns of every ledger line posted up to a period, in the order of their keys."""
    return build.rows(
        f"select * from fct_cost_lines where posting_month <= '{posting_month}'"
        " order by cost_line_id"
    )


@pytest.fixture(scope="module")
def september_as_published(tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """The ledger as it was built at the close of September."""
    run = run_dbt(
        LEDGER, tmp_path_factory.mktemp("september"), variables={"as_of": CLOSE_OF_SEPTEMBER}
    )
    assert run.succeeded, run.error or run.failures()
    return run


def test_a_closed_month_reproduces_under_later_data(
    sample_build: DbtRun, september_as_published: DbtRun
) -> None:
    """A price correction, two credits and 30 late calls came after September's close: what its
    close and those before it posted is the same, row for row and column for column."""
    published = posted_until(september_as_published, "2026-09-01")
    assert len(published) > 20
    assert posted_until(sample_build, "2026-09-01") == published


def test_the_as_of_build_knows_nothing_later(september_as_published: DbtRun) -> None:
    """At the close of September its late calls are missing telemetry, and nothing is posted in
    October yet but what October itself has used so far."""
    assert september_as_published.rows(
        "select cost_center_id, sum(amount_usd) from fct_cost_lines"
        " where usage_month = '2026-09-01' and billing_account_id = 'aurora-a'"
        " and line_side = 'consumer' group by 1 order by 1"
    ) == [("2100", Decimal("48.11")), ("UNALLOCATED", Decimal("1.62"))]
    assert (
        september_as_published.value(
            "select count(*) from fct_cost_lines where posting_month > usage_month"
        )
        == 0
    )


def test_postings_of_a_month_add_up_to_its_newest_value(sample_build: DbtRun) -> None:
    """Nothing is lost between the steps: all postings together are the newest value."""
    assert (
        sample_build.rows(
            """
            with posted as (
                select usage_month, invoice_id, cost_center_id, sum(amount_usd) as amount_usd
                from fct_cost_lines where line_side <> 'provider_clearing' group by all
            ), newest as (
                select steps.usage_month, bill_id as invoice_id, cost_center_id,
                    sum(amount_usd) as amount_usd
                from int_ledger_values join int_value_steps as steps using (step_id)
                where steps.is_newest group by all
            )
            select * from posted full join newest
                using (usage_month, invoice_id, cost_center_id)
            where coalesce(posted.amount_usd, 0) <> coalesce(newest.amount_usd, 0)
            """
        )
        == []
    )


def test_a_backdated_owner_re_charges_only_where_the_rule_says_so(
    sample_build: DbtRun, tmp_path: Path
) -> None:
    """The owner of the project that went past the gateway was recorded after October's close."""
    late = "select count(*) from fct_cost_lines where posting_month = '2026-11-01'"
    assert sample_build.value(late) == 0

    project = tmp_path / "project"
    for name in COPIED:
        source = PROJECT / name
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, project / name)
        else:
            shutil.copy(source, project / name)
    rules = project / "seeds" / "company" / "allocation_rules.csv"
    with rules.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["pool_name"] == "inference":
            row["restate_ownership"] = "true"
    with rules.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    restated = run_dbt(LEDGER, tmp_path / "run", project=project)
    assert restated.succeeded, restated.error or restated.failures()
    assert restated.rows(
        "select cost_center_id, amount_usd, restatement_cause, line_type from fct_cost_lines"
        " where posting_month = '2026-11-01' order by 1"
    ) == [
        ("3100", Decimal("144"), "ownership_change", "prior_period"),
        ("UNATTRIBUTED", Decimal("-144"), "ownership_change", "prior_period"),
    ]
    assert posted_until(restated, "2026-10-01") == posted_until(sample_build, "2026-10-01")


@dataclass
class Ruled:
    """The sample company after its rules have changed."""

    project: Path
    run: DbtRun


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Ruled:
    """Rules recorded after the close of a month they cover: the commitment hands its idle capacity
    to the platform (October), the pool has another platform (November), and owners restate closed
    months (December), one of whom was recorded in November."""
    folder = tmp_path_factory.mktemp("ruled")
    project = copy_project(folder / "project")
    (commitment,) = read_seed(project, "commitments")
    moved = {"idle_rule": "platform", "recorded_at": "2026-10-20 09:00:00"}
    write_seed(project, "commitments", [commitment, commitment | moved])
    rules = read_seed(project, "allocation_rules")
    (pool,) = (row for row in rules if row["pool_name"] == "pool-1")
    owners = [row for row in rules if row["pool_name"] in ("inference", "unattributed")]
    rules.append(
        pool
        | {
            "allocation_rule_id": "capacity-pool-1-moved",
            "version_no": "2",
            "source_cost_center_id": "4000",
            "recorded_at": "2026-11-10 09:00:00",
        }
    )
    restating = {"restate_ownership": "true", "recorded_at": "2026-12-10 09:00:00"}
    rules += [row | restating | {"version_no": "2"} for row in owners]
    write_seed(project, "allocation_rules", rules)
    periods = read_seed(project, "accounting_periods")
    december = {"posting_month": "2026-12-01", "close_at": "2027-01-05 23:59:00"}
    soft = {"soft_close_at": "2027-01-03 23:59:00"}
    write_seed(project, "accounting_periods", [*periods, periods[-1] | december | soft])
    rates = read_seed(project, "fx_rates")
    (average,) = (row for row in rates if row["rate_date"] == "2026-11-01")
    write_seed(project, "fx_rates", [*rates, average | {"rate_date": "2026-12-01"}])
    run = run_dbt(LEDGER, folder / "run", project=project)
    assert run.succeeded, run.error or run.failures()
    return Ruled(project, run)


def test_a_rule_recorded_after_the_close_posts_when_it_was_recorded(ruled: Ruled) -> None:
    """Both sides of each change balance, under the rule that its period knew."""
    posted = ruled.run.rows(
        """
        select posting_month::varchar, usage_month::varchar, cost_center_id, amount_usd::varchar,
            charge_line_type, allocation_rule_id
        from fct_cost_lines where restatement_cause = 'rule_change' order by all
        """
    )
    amounts = [(*row[:3], Decimal(row[3]), *row[4:]) for row in posted]
    october, november = ("2026-10-01", "2026-09-01"), ("2026-11-01", "2026-09-01")
    december = ("2026-12-01", "2026-10-01")
    first, moved = "capacity-pool-1", "capacity-pool-1-moved"
    assert amounts == [
        (*october, "1000", Decimal("5060"), "idle", first),
        (*october, "2100", Decimal("-5060"), "idle", first),
        # The credit that came in October goes with the capacity.
        (*november, "1000", Decimal("-7220"), "idle", moved),
        (*november, "1000", Decimal("25.07"), "credit", moved),
        (*november, "4000", Decimal("-25.07"), "credit", moved),
        (*november, "4000", Decimal("7220"), "idle", moved),
        (*december, "3100", Decimal("144"), "direct", "inference-direct"),
        (*december, "UNATTRIBUTED", Decimal("-144"), "unattributed", "unattributed-invoice"),
    ]


def test_rules_leave_what_closed_months_have_posted(ruled: Ruled, sample_build: DbtRun) -> None:
    assert posted_until(ruled.run, "2026-09-01") == posted_until(sample_build, "2026-09-01")
    # October's credit follows whoever bears the capacity when it comes.
    unchanged = (
        "select * from fct_cost_lines where coalesce(restatement_cause, 'none')"
        " not in ('rule_change', 'invoice_correction') order by cost_line_id"
    )
    assert ruled.run.rows(unchanged) == sample_build.rows(unchanged)


def test_changed_rules_are_those_of_the_oracle(ruled: Ruled) -> None:
    """By who bears what in which period, and why; the oracle has another word for a bypass whose
    owner is found."""

    def without_line_type(lines: dict[tuple[Any, ...], Decimal]) -> dict[tuple[Any, ...], Decimal]:
        sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
        for key, amount in lines.items():
            sums[key[:-1]] += amount
        return dict(sums)

    steps = load_books(SAMPLE_DATA, ruled.project / "seeds").steps()
    built, expected = posted_lines(ruled.run), expected_lines(steps)
    assert unequal(without_line_type(built), without_line_type(expected)) == {}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """A bill of an account that nobody logs, and calls of an account that nobody bills yet."""
    folder = tmp_path_factory.mktemp("apart")
    calls = [spend_log(f"call-{n}", prompt=1_000_000, completion=0) for n in range(4)]
    write_table(folder / "raw", "spend_logs", calls, file_format="csv")
    write_csv(folder / "raw" / "focus" / "charges.csv", [charge("sound", "1000")])
    run = run_dbt(
        [*LEDGER, "--select", "+rpt_invoice_reconciliation_monthly"],
        folder / "run",
        folder / "raw",
        variables={"sources": ["litellm", "focus"]},
        settings=AS_CSV,
    )
    assert run.succeeded, run.error or run.failures()
    return run


def lines_of(run: DbtRun, invoice_id: str) -> list[tuple[Any, ...]]:
    return run.rows(
        "select cost_center_id, line_type, amount_usd, is_estimated from fct_cost_lines"
        f" where invoice_id = '{invoice_id}' and line_side = 'consumer' order by all"
    )


def statuses_of(run: DbtRun, account: str) -> list[tuple[Any, ...]]:
    return run.rows(
        "select reconciliation_status, rated_usd, invoiced_usd"
        " from rpt_invoice_reconciliation_monthly"
        f" where billing_account_id = '{account}' and token_class <> 'CAPACITY'"
    )


def test_a_bill_with_no_telemetry_is_unattributed(apart: DbtRun) -> None:
    assert lines_of(apart, "BOR-TEST-09") == [
        ("UNATTRIBUTED", "unattributed", Decimal(1000), False)
    ]
    assert statuses_of(apart, "borealis") == [("no_telemetry", Decimal(0), Decimal(1000))]


def test_telemetry_with_no_bill_is_estimated_at_its_owner(apart: DbtRun) -> None:
    ((cost_center_id, line_type, amount, is_estimated),) = lines_of(
        apart, "estimated:aurora-a:2026-10"
    )
    assert cost_center_id not in ("UNATTRIBUTED", "UNALLOCATED", "UNOWNED")
    assert (line_type, amount, is_estimated) == ("direct", Decimal("1.20"), True)
    assert statuses_of(apart, "aurora-a") == [("no_invoice", Decimal("1.20"), Decimal(0))]
