"""Committed capacity: the oracle's own numbers, the sample company, a real log and bad input."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_runs import PROJECT, DbtRun, run_dbt
from raw_files import Row, copy_project, read_seed, spend_log, write_seed, write_spend_logs
from test_oracle_agrees import sample_company

from tests.oracle.capacity import (
    IDLE,
    SERVED,
    SPILL,
    SPILLED,
    USED,
    Call,
    Commitment,
    best_choice,
    charges_of_month,
    hourly_costs,
    pool_hours,
)

FIXTURE = PROJECT / "tests" / "fixtures" / "capacity"
CAPACITY = [
    "+int_capacity_charges_monthly",
    "+rpt_capacity_utilization_daily",
    "+rpt_commitment_break_even_monthly",
    "+dim_commitments",
]
LITELLM_ONLY = {"sources": ["litellm"]}
RUN = ["build", "--exclude-resource-type", "test", "unit_test", "--select", *CAPACITY]

EXAMPLE = Commitment(
    commitment_id="k",
    quantity=Decimal(10),
    unit_price=Decimal(2),
    total_price=Decimal(60),
    starts_at=datetime(2026, 9, 1),
    ends_at=datetime(2026, 9, 1, 3),
    tokens_per_unit=180_000,
    output_weight=Decimal(4),
    cache_read_weight=Decimal("0.25"),
    minimum_units=Decimal(1),
    increment_units=Decimal(1),
    headroom=Decimal("0.15"),
    spill_charging="pooled",
    idle_rule="hybrid_headroom",
    excess_rule="forecast_owner",
    owner="owner",
)
RESERVED = {"k": {"claims": Decimal("0.8"), "support": Decimal("0.2")}}
EXAMPLE_DEMAND = [
    # hour, owner, kind, weighted tokens, on demand
    (0, "claims", SERVED, 900_000, "0"),
    (0, "support", SERVED, 450_000, "0"),
    (1, "claims", SERVED, 1_200_000, "0"),
    (1, "support", SERVED, 600_000, "0"),
    (1, "claims", SPILLED, 300_000, "3.60"),
    (1, "support", SPILLED, 150_000, "1.80"),
]


def example_calls() -> list[Call]:
    return [
        Call(
            datetime(2026, 9, 1, hour, 30), owner, owner, kind, Decimal(tokens), Decimal(on_demand)
        )
        for hour, owner, kind, tokens, on_demand in EXAMPLE_DEMAND
    ]


# ---------------------------------------------------------------------------
# The oracle itself
# ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "idle"),
    [
        ("platform", {"platform": "25.00"}),
        ("forecast_owner", {"owner": "25.00"}),
        ("usage_prorata", {"claims": "16.66", "support": "8.34"}),
        ("reservation_shortfall", {"claims": "21.00", "support": "4.00"}),
        ("hybrid_headroom", {"platform": "9.00", "owner": "16.00"}),
    ],
)
def test_the_oracle_gives_the_numbers_of_example_k(rule: str, idle: dict[str, str]) -> None:
    terms = replace(EXAMPLE, idle_rule=rule)
    hours = pool_hours([terms], example_calls(), reservations=RESERVED)
    charges = charges_of_month(hours, terms, "platform")
    assert {key[2]: amount for key, amount in charges.items() if key[0] == IDLE} == {
        owner: Decimal(amount) for owner, amount in idle.items()
    }
    assert charges[USED, "claims", "claims"] == Decimal("23.33")
    assert charges[USED, "support", "support"] == Decimal("11.67")
    assert charges[SPILL, "claims", "claims"] == Decimal("3.60")
    assert charges[SPILL, "support", "support"] == Decimal("1.80")


def test_the_oracle_gives_the_numbers_of_the_break_even_example() -> None:
    demand = [2, 4, 4, 6, 6, 8, 8, 10, 12, 20]
    terms = replace(EXAMPLE, total_price=Decimal(200), ends_at=datetime(2026, 9, 1, 10))
    calls = [
        Call(
            datetime(2026, 9, 1, hour), "a", "a", SERVED, Decimal(units * 180_000),
            Decimal(units) * Decimal("3.60"),
        )
        for hour, units in enumerate(demand)
    ]  # fmt: skip
    choice = best_choice(pool_hours([terms], calls), terms)
    assert (choice.best_quantity, choice.best_cost) == (6, Decimal("220.80"))
    assert choice.bought_cost == Decimal("243.20")
    assert choice.on_demand_cost == Decimal("288.00")


def test_the_oracle_spreads_365_over_31_days() -> None:
    terms = replace(
        EXAMPLE, unit_price=None, total_price=Decimal(365), ends_at=datetime(2026, 10, 2)
    )
    by_date: dict[Any, Decimal] = defaultdict(Decimal)
    for hour, cost in hourly_costs(terms, "UTC").items():
        by_date[hour.date()] += cost
    assert sorted(by_date.values()) == [Decimal("11.77")] * 18 + [Decimal("11.78")] * 13


# ---------------------------------------------------------------------------
# The sample company
# ---------------------------------------------------------------------------


def test_the_pool_of_the_sample_company_agrees_with_the_oracle(sample_build: DbtRun) -> None:
    (row,) = read_seed(PROJECT, "commitments")
    terms = Commitment.of(row)
    result = sample_company()
    calls = [
        Call(
            one.attempt.started_at,
            "file-bundle",
            "2100",
            SERVED if one.attempt.pricing_mode == "committed" else SPILLED,
            one.attempt.tokens["input_uncached"]
            + terms.output_weight * one.attempt.tokens["output"]
            + terms.cache_read_weight * one.attempt.tokens["cache_read"],
            one.contracted_cost_usd,
        )
        for one in result.cost_bearing
        if one.attempt.pricing_mode in ("committed", "committed_spill")
    ]
    hours = pool_hours([terms], calls)
    built = sample_build.rows(
        "select capacity_hour, capacity_units, used_units, capacity_cost_usd, used_cost_usd,"
        " unused_cost_usd, spill_cost_usd from fct_capacity_hours order by capacity_hour"
    )
    assert built == [
        (one.hour, one.units, one.used_units, one.cost, one.used_cost, one.unused_cost,
         one.spill_cost)
        for one in hours
    ]  # fmt: skip
    assert newest_charges(sample_build, "pool-1") == charges_of_month(hours, terms, "1000")
    choice = best_choice(hours, terms)
    assert sample_build.rows(
        "select best_quantity, best_cost_usd, regret_usd, on_demand_cost_usd"
        " from rpt_commitment_break_even_monthly"
    ) == [
        (choice.best_quantity, choice.best_cost, choice.bought_cost - choice.best_cost,
         choice.on_demand_cost)
    ]  # fmt: skip


def newest_charges(
    run: DbtRun, pool_id: str, month: str = "2026-09-01"
) -> dict[tuple[str, str | None, str], Decimal]:
    """Charges of a pool's month at current knowledge, without the zeros."""
    rows = run.rows(
        f"""
        select charge_type, application_id, cost_center_id, sum(amount_usd)
        from int_capacity_charges_monthly
        where
            pool_id = '{pool_id}'
            and billing_month = '{month}'
            and known_month = (
                select max(known_month) from int_capacity_charges_monthly
                where pool_id = '{pool_id}' and billing_month = '{month}'
            )
        group by all having sum(amount_usd) <> 0
        """
    )
    return {row[:3]: row[3] for row in rows}


# ---------------------------------------------------------------------------
# Five days of provisioned units, as a real gateway logged them
# ---------------------------------------------------------------------------


def commitment(**columns: Any) -> Row:
    """A row of the seed: the sample company's commitment with other columns."""
    (row,) = read_seed(PROJECT, "commitments")
    unknown = columns.keys() - row.keys()
    if unknown:
        raise KeyError(f"a commitment has no column {sorted(unknown)}")
    row |= columns
    if "valid_from_at" not in columns:
        row |= {"valid_from_at": row["term_start_at"], "valid_until_at": row["term_end_at"]}
    return row


PROVISIONED = {
    "commitment_id": "gpt-4o-units",
    "pool_id": "gpt-4o-units",
    "provider_id": "azure",
    "model_id": "gpt-4o",
    "billing_account_id": "azure-main",
    "deployment_ids": "azure-gpt4o-ptu-eastus2",
    "quantity": "50",
    "unit": "azure_global_provisioned_throughput_unit",
    "unit_price_usd_per_hour": "1.00",
    "total_price_usd": "6900.00",
    "term_start_at": "2026-11-18 06:00:00",
    "term_end_at": "2026-11-24 00:00:00",
    "throughput_tokens_per_unit_hour": "150000",
    "minimum_units": "15",
    "increment_units": "5",
    "recorded_at": "2026-11-17 00:00:00",
}
AZURE_ACCOUNT = {
    "billing_account_id": "azure-main",
    "billing_account_name": "Azure",
    "provider_id": "azure",
    "deployment_ids": "*",
}


def add_account(project: Path, **columns: Any) -> None:
    accounts = read_seed(project, "billing_accounts")
    write_seed(project, "billing_accounts", [*accounts, accounts[2] | columns])


@pytest.fixture(scope="module")
def provisioned(tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """The five days and the day of the calls; the gateway logs spill at 0 in a second pool."""
    workspace = tmp_path_factory.mktemp("provisioned")
    project = copy_project(workspace / "project")
    prices = read_seed(project, "price_list")
    write_seed(
        project, "price_list", [row for row in prices if "gpt-4o-2024-08-06" in row["model_id"]]
    )
    add_account(project, **AZURE_ACCOUNT)
    second = {"deployment_ids": "logged-at-zero", "commitment_id": "zero", "pool_id": "zero"}
    write_seed(
        project,
        "commitments",
        [commitment(**PROVISIONED), commitment(**(PROVISIONED | second))],
    )
    write_seed(project, "commitment_reservations", [])
    raw_path = workspace / "raw" / "litellm"
    raw_path.mkdir(parents=True)
    log = FIXTURE / "litellm" / "spend_logs.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                select * from '{log}'
                union all
                select * replace (
                    'zero-' || request_id as request_id,
                    'logged-at-zero' as model_id,
                    cast(0 as double) as spend
                ) from '{log}'
            ) to '{raw_path}/spend_logs.parquet' (format parquet)
            """
        )
    run = run_dbt(RUN, workspace, raw_path.parent, LITELLM_ONLY, project=project)
    assert run.succeeded, run.error or run.failures()
    return run


def test_five_days_of_provisioned_units_cost_what_the_gateway_accounts_for(
    provisioned: DbtRun,
) -> None:
    with (FIXTURE / "daily_team_spend.csv").open(newline="") as file:
        expected = [(row["date"], Decimal(row["ptu_flat_cost"])) for row in csv.DictReader(file)]
    built = provisioned.rows(
        "select cast(date as varchar), capacity_cost_usd, used_units, unused_cost_usd"
        " from rpt_capacity_utilization_daily"
        " where pool_id = 'gpt-4o-units' and date < '2026-11-23' order by date"
    )
    assert [(day, cost) for day, cost, _, _ in built] == expected
    assert sum(cost for _, cost in expected) == Decimal("5700.00")
    # The gateway charges it all to one team; nobody called on these days, so all of it idled.
    assert all(used == 0 and idle == cost for _, cost, used, idle in built)


@pytest.mark.parametrize("pool_id", ["gpt-4o-units", "zero"])
def test_spilled_calls_are_priced_on_demand_whatever_the_gateway_logged(
    provisioned: DbtRun, pool_id: str
) -> None:
    (row,) = provisioned.rows(
        "select sum(served_attempts), sum(spilled_attempts), sum(spill_cost_usd),"
        f" sum(capacity_cost_usd) from fct_capacity_hours where pool_id = '{pool_id}'"
    )
    assert row == (64, 16, Decimal("0.111425"), Decimal("6900"))


def test_idle_provisioned_units_have_an_owner(provisioned: DbtRun) -> None:
    charges = newest_charges(provisioned, "gpt-4o-units", "2026-11-01")
    idle = {owner: amount for (kind, _, owner), amount in charges.items() if kind == IDLE}
    used = sum(amount for (kind, _, _), amount in charges.items() if kind == USED)
    assert idle["UNALLOCATED"] == Decimal("1035.00")
    assert idle["UNALLOCATED"] + idle["2100"] + used == Decimal("6900")


# ---------------------------------------------------------------------------
# Bad input; the numbers are rows of the project's catalogue
# ---------------------------------------------------------------------------


# What is wrong with each commitment, and the test that says so.
BAD_COMMITMENTS: list[tuple[str, Row, str]] = [
    ("51", {"forecast_owner": ""}, "not_null_commitments_forecast_owner"),
    (
        "51",
        {"forecast_owner_cost_center_id": ""},
        "not_null_commitments_forecast_owner_cost_center_id",
    ),
    (
        "51",
        {"approved_by": "claims-planning"},
        "the_owner_of_a_forecast_does_not_approve_the_purchase",
    ),
    (
        "52",
        {"term_end_at": "2026-08-31 00:00:00", "unit_price_usd_per_hour": ""},
        "a_term_ends_after_it_starts",
    ),
    (
        "52",
        {"term_start_at": "2026-09-01 00:30:00", "unit_price_usd_per_hour": ""},
        "terms_begin_and_end_on_a_whole_hour",
    ),
    (
        "52",
        {"total_price_usd": "14400.01"},
        "the_total_price_is_the_upfront_amount_and_the_hours",
    ),
    ("52", {"output_weight": "-1"}, "capacity_has_throughput_and_weights"),
]


@pytest.fixture(scope="module")
def bad_commitments(tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """The tests of a seed in which each row has one fault, and of shares above 1."""
    workspace = tmp_path_factory.mktemp("bad_commitments")
    project = copy_project(workspace / "project", keep_price_list=False)
    rows = [
        commitment(**(changes | {"commitment_id": f"bad-{number}"}))
        for number, (_, changes, _) in enumerate(BAD_COMMITMENTS)
    ]
    twice = commitment(commitment_id="twice")
    overlapping = commitment(commitment_id="overlapping")
    rows += [twice, twice, overlapping, overlapping | {"valid_from_at": "2026-09-20 00:00:00"}]
    write_seed(project, "commitments", rows)
    (reservation,) = read_seed(project, "commitment_reservations")
    reserved = reservation | {"commitment_id": "bad-0"}
    above_one = reserved | {"cost_center_id": "2300", "share": "0.1"}
    write_seed(project, "commitment_reservations", [reserved, above_one])
    seeds = ["cost_centers", "models", "billing_accounts", "commitments", "commitment_reservations"]
    seeded = run_dbt(["seed", "--select", *seeds], workspace, project=project)
    assert seeded.succeeded, seeded.error
    return run_dbt(["test", "--select", *seeds[3:]], workspace, project=project)


@pytest.mark.parametrize(
    ("number", "test", "rows"),
    [
        # Nobody is not a forecast owner either.
        (number, test, 2 if "does_not_approve" in test else 1)
        for number, _, test in BAD_COMMITMENTS
    ]
    + [
        ("52", "unique_combination_commitments_commitment_id__valid_from_at__recorded_at", 1),
        ("52", "versions_of_a_commitment_recorded_together_do_not_overlap", 2),
        ("reservation shares above 1", "shares_of_a_commitment_sum_to_one", 2),
    ],
)
def test_a_bad_commitment_fails_the_build(
    bad_commitments: DbtRun, number: str, test: str, rows: int
) -> None:
    message = bad_commitments.failures().get(test, "the test passed")
    assert message.startswith(f"Got {rows} result"), f"({number}) {message}"


FOUR_HOURS = {"term_start_at": "2026-09-10 10:00:00", "term_end_at": "2026-09-10 14:00:00"}
BY_THE_HOUR = commitment(
    **FOUR_HOURS,
    quantity="1",
    total_price_usd="8.00",
    throughput_tokens_per_unit_hour="1000000",
)
PACKAGE = commitment(
    **FOUR_HOURS,
    commitment_id="package",
    pool_id="package",
    deployment_ids="package-deployment",
    commitment_type="token_package",
    quantity="2",
    unit_price_usd_per_hour="",
    total_price_usd="9.00",
    throughput_tokens_per_unit_hour="1000000",
)
MINIMUM_SPEND = commitment(
    **FOUR_HOURS,
    commitment_id="minimum-spend",
    pool_id="minimum-spend",
    deployment_ids="spend-deployment",
    commitment_type="spend_commitment",
    quantity="1",
    unit_price_usd_per_hour="",
    total_price_usd="1000.00",
    throughput_tokens_per_unit_hour="0",
)


@pytest.fixture(scope="module")
def odd_calls(tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """Calls outside a term, above capacity, refused ones; a token package and a minimum spend."""
    workspace = tmp_path_factory.mktemp("odd_calls")
    project = copy_project(workspace / "project", keep_price_list=False)
    write_seed(project, "commitments", [BY_THE_HOUR, PACKAGE, MINIMUM_SPEND])
    write_seed(project, "commitment_reservations", [])
    call = {
        "model": "borealis-pro",
        "model_id": "borealis-pool-1",
        "custom_llm_provider": "borealis",
    }
    rows = [
        spend_log("before", "2026-09-10 09:59:59", prompt=1_000_000, completion=0, **call),
        spend_log("full", "2026-09-10 10:00:00", prompt=1_000_000, completion=0, **call),
        spend_log("above", "2026-09-10 10:30:00", prompt=250_000, completion=0, **call),
        spend_log("after", "2026-09-10 14:00:00", prompt=1_000_000, completion=0, **call),
        spend_log(
            "refused", "2026-09-10 11:30:00", prompt=10, completion=0, status="failure",
            metadata={"error_information": {"error_code": "429", "error_class": "RateLimitError"}},
            **call,
        ),
    ]  # fmt: skip
    package = call | {"model_id": "package-deployment"}
    rows += [
        spend_log("p-1", "2026-09-10 10:10:00", prompt=1_200_000, completion=0, **package),
        spend_log("p-2", "2026-09-10 12:10:00", prompt=300_000, completion=0, **package),
    ]
    # 280 million tokens at 3.00 are 840.00.
    spent = call | {"model_id": "spend-deployment"}
    rows += [
        spend_log(f"s-{n}", f"2026-09-10 13:{n:02d}:00", prompt=20_000_000, completion=0, **spent)
        for n in range(14)
    ]
    run = run_dbt(
        RUN, workspace, write_spend_logs(workspace / "raw", rows), LITELLM_ONLY, project=project
    )
    assert run.succeeded, run.error or run.failures()
    tested = run_dbt(
        ["test", "--select", "path:tests/commitment", "int_capacity_hours_known,test_type:data"],
        workspace,
        workspace / "raw",
        LITELLM_ONLY,
        project=project,
    )
    assert tested.succeeded, tested.failures()
    run.messages |= tested.messages
    run.statuses |= tested.statuses
    return run


@pytest.mark.parametrize("record_id", ["before", "after"])
def test_committed_usage_outside_every_term_is_bought_on_demand(
    odd_calls: DbtRun, record_id: str
) -> None:
    """(53)"""
    ((mode, cost, flags),) = odd_calls.rows(
        "select pricing_mode, effective_cost_usd, quality_flags from fct_attempts"
        f" where source_record_id = '{record_id}'"
    )
    assert (mode, cost) == ("on_demand", Decimal("3.00"))
    assert "NO_COMMITMENT" in flags
    assert "a_deployment_of_a_pool_is_called_within_its_terms" in odd_calls.warnings()


def test_served_above_capacity_is_capped_and_warned_about(odd_calls: DbtRun) -> None:
    """(54)"""
    (row,) = odd_calls.rows(
        "select used_units, over_capacity_units, used_cost_usd, over_capacity_cost_usd,"
        " attempts_effective_cost_usd, quality_flags from fct_capacity_hours"
        " where pool_id = 'pool-1' and capacity_hour = '2026-09-10 10:00:00'"
    )
    assert row == (1, Decimal("0.25"), 2, Decimal("0.5"), Decimal("2.5"), "OVER_CAPACITY")
    assert "served_above_capacity" in odd_calls.warnings()


def test_refused_calls_are_a_signal_of_their_hour(odd_calls: DbtRun) -> None:
    assert odd_calls.rows(
        "select throttled_attempts, used_units, capacity_units from fct_capacity_hours"
        " where pool_id = 'pool-1' and capacity_hour = '2026-09-10 11:00:00'"
    ) == [(1, 0, 1)]


def test_a_token_package_is_drawn_down_and_its_rest_is_idle(odd_calls: DbtRun) -> None:
    assert odd_calls.rows(
        "select hour(capacity_hour), capacity_units, used_units, capacity_cost_usd, used_cost_usd"
        " from fct_capacity_hours where pool_id = 'package' order by capacity_hour"
    ) == [
        (10, Decimal("1.2"), Decimal("1.2"), Decimal("5.40"), Decimal("5.40")),
        (11, 0, 0, 0, 0),
        (12, Decimal("0.3"), Decimal("0.3"), Decimal("1.35"), Decimal("1.35")),
        (13, Decimal("0.5"), 0, Decimal("2.25"), 0),
    ]
    assert odd_calls.value(
        "select sum(effective_cost_usd) from fct_attempts where commitment_pool_id = 'package'"
    ) == Decimal("6.75")
    charges = newest_charges(odd_calls, "package")
    assert sum(charges.values()) == Decimal("9.00")


def test_a_minimum_spend_of_1000_with_840_used_is_160_short(odd_calls: DbtRun) -> None:
    assert odd_calls.rows(
        "select sum(effective_cost_usd), min(pricing_mode), count(commitment_pool_id)"
        " from fct_attempts where source_record_id like 's-%'"
    ) == [(Decimal("840.00"), "on_demand", 0)]
    # Headroom is 15 % of what was committed; no rule names the platform of this pool.
    assert newest_charges(odd_calls, "minimum-spend") == {
        (IDLE, None, "UNALLOCATED"): Decimal("150.00"),
        (IDLE, None, "2100"): Decimal("10.00"),
    }


def test_every_unit_system_is_sold_in_a_known_way() -> None:
    rows = read_seed(PROJECT, "capacity_unit_systems")
    assert {row["commitment_type"] for row in rows} == {
        "provisioned_units", "token_package", "spend_commitment", "self_hosted_gpu",
    }  # fmt: skip
