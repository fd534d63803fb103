"""Properties of committed capacity that hold for any commitment and any demand, on generated ones.

All cases go through one build: each has a pool, a deployment and calls of its own. Every amount is
compared with the oracle's. A second build of the same rows in another order gives the same marts.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dbt_runs import DbtRun, run_dbt
from hypothesis import strategies as st
from raw_files import (
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
from test_capacity import EXAMPLE_DEMAND, LITELLM_ONLY, RESERVED, RUN, commitment, newest_charges

from tests.oracle.capacity import (
    IDLE,
    SERVED,
    SPILLED,
    THROTTLED,
    USED,
    Call,
    Choice,
    Commitment,
    PoolHour,
    best_choice,
    billing_date,
    charges_of_month,
    pool_hours,
)

HOUR = timedelta(hours=1)
# Application of the sample company and the cost center that owns it from July to December.
OWNERS = {"claims-intake-agent": "2100", "uw-summariser": "2300", "marketing-draft": "3100"}
APPLICATIONS = list(OWNERS)
ZONES = {"borealis": "UTC", "aurora-a": "America/Los_Angeles"}
RULES = [
    "platform",
    "forecast_owner",
    "usage_prorata",
    "reservation_shortfall",
    "hybrid_headroom",
]
# Clocks in Los Angeles go back on 1 November; the billing month ends at 07:00 before it.
STARTS = [datetime(2026, 9, 29, 20), datetime(2026, 9, 30, 3), datetime(2026, 10, 31, 12)]
# Before the close of November and after those of September and October.
LATE = "2026-11-20 00:00:00"
MILLION = Decimal(1_000_000)
INPUT_PRICE, OUTPUT_PRICE = Decimal("3.10"), Decimal("9.70")


@dataclass(frozen=True)
class Demand:
    """A call before it has a pool: hours from the start of the term, and what it asks for."""

    hour: int
    application: str
    kind: str
    prompt: int
    completion: int
    is_late: bool

    def on_demand_usd(self) -> Decimal:
        return (self.prompt * INPUT_PRICE + self.completion * OUTPUT_PRICE) / MILLION


@dataclass(frozen=True)
class Case:
    """A pool: its commitments, which differ in size and price alone, and its calls."""

    pool_id: str
    account: str
    commitments: tuple[Commitment, ...]
    reservations: dict[str, dict[str, Decimal]]
    demand: tuple[Demand, ...]

    @property
    def terms(self) -> Commitment:
        return self.commitments[0]

    @property
    def zone(self) -> str:
        return ZONES[self.account]

    def calls(self, known: bool = True) -> list[Call]:
        """Calls; with `known` false, those that had arrived in time."""
        return [
            Call(
                self.terms.starts_at + one.hour * HOUR,
                one.application,
                OWNERS[one.application],
                one.kind,
                one.prompt + self.terms.output_weight * one.completion,
                one.on_demand_usd(),
            )
            for one in self.demand
            if known or not one.is_late
        ]

    def months(self, known: bool = True) -> dict[date, list[PoolHour]]:
        found: dict[date, list[PoolHour]] = defaultdict(list)
        for one in pool_hours(self.commitments, self.calls(known), self.zone, self.reservations):
            found[billing_date(one.hour, self.zone).replace(day=1)].append(one)
        return found


DEMANDS = st.builds(
    Demand,
    hour=st.integers(0, 40),
    application=st.sampled_from(APPLICATIONS),
    kind=st.sampled_from([SERVED, SERVED, SERVED, SPILLED, THROTTLED]),
    prompt=st.integers(1, 400_000),
    completion=st.integers(0, 50_000),
    is_late=st.booleans(),
)
QUANTITIES = st.integers(1, 12_000_000).map(lambda millionths: Decimal(millionths).scaleb(-6))
UNIT_PRICES = st.integers(1, 4_000_000).map(lambda millionths: Decimal(millionths).scaleb(-6))
CENTS = st.integers(0, 99_999).map(lambda cents: Decimal(cents).scaleb(-2))
CASES = st.fixed_dictionaries(
    {
        "account": st.sampled_from(list(ZONES)),
        "start": st.sampled_from(STARTS),
        "hours": st.integers(1, 40),
        "sizes": st.lists(st.tuples(QUANTITIES, UNIT_PRICES, CENTS), min_size=1, max_size=3),
        "throughput": st.integers(20_000, 600_000),
        "output_weight": st.sampled_from([Decimal(1), Decimal("2.5"), Decimal(4)]),
        "sold": st.sampled_from([(1, 1), (15, 5), (0, 2)]),
        "headroom": st.sampled_from([Decimal(0), Decimal("0.15"), Decimal(1)]),
        "charging": st.sampled_from(["pooled", "actual"]),
        "rule": st.sampled_from(RULES),
        "excess": st.sampled_from(["forecast_owner", "reservation_shortfall"]),
        "reserved": st.integers(0, 1_000_000),
        "demand": st.lists(DEMANDS, max_size=16),
    }
)


def case_of(number: int, facts: dict[str, Any]) -> Case:
    """A pool of drawn facts. Without a price by the hour the upfront amount pays for everything."""
    pool_id = f"pool-of-case-{number}"
    commitments = []
    for position, (quantity, unit_price, upfront) in enumerate(facts["sizes"]):
        hourly = None if position == 1 else unit_price
        recurring = (hourly or 0) * quantity * facts["hours"]
        commitments.append(
            Commitment(
                commitment_id=f"{pool_id}-{position}",
                quantity=quantity,
                unit_price=hourly,
                total_price=recurring + upfront,
                starts_at=facts["start"],
                ends_at=facts["start"] + facts["hours"] * HOUR,
                tokens_per_unit=facts["throughput"],
                output_weight=facts["output_weight"],
                cache_read_weight=Decimal(0),
                minimum_units=Decimal(facts["sold"][0]),
                increment_units=Decimal(facts["sold"][1]),
                headroom=facts["headroom"],
                spill_charging=facts["charging"],
                idle_rule=facts["rule"],
                excess_rule=facts["excess"],
                owner="4000",
            )
        )
    share = Decimal(facts["reserved"]).scaleb(-6)
    shares = {"2100": share, "2300": 1 - share}
    return Case(
        pool_id,
        facts["account"],
        tuple(commitments),
        {one.commitment_id: {k: v for k, v in shares.items() if v} for one in commitments},
        tuple(one for one in facts["demand"] if one.hour < facts["hours"]),
    )


def twin_of(case: Case, choice: Choice) -> Case:
    """The same demand in a pool of exactly the best quantity, at the same price of a unit."""
    (one,) = case.commitments
    price_of_unit = one.total_price / one.quantity
    best = replace(
        one,
        commitment_id=f"{one.commitment_id}-best",
        quantity=choice.best_quantity,
        total_price=price_of_unit * choice.best_quantity,
    )
    return replace(case, pool_id=f"{case.pool_id}-best", commitments=(best,), reservations={})


def with_one_price(number: int, facts: dict[str, Any]) -> Case:
    """A pool that lies in one month and has one commitment, paid by the hour."""
    quantity, unit_price, _ = facts["sizes"][0]
    return case_of(
        number,
        facts
        | {
            "start": datetime(2026, 9, 10),
            "sizes": [(quantity, unit_price, Decimal(0))],
            "account": "borealis",
        },
    )


EXAMPLES = [
    Case(
        f"example-k-{rule}-{charging}",
        "borealis",
        (
            Commitment(
                f"k-{rule}-{charging}", Decimal(10), Decimal(2), Decimal(60),
                datetime(2026, 9, 1), datetime(2026, 9, 1, 3), 180_000, Decimal(4), Decimal(0),
                Decimal(1), Decimal(1), Decimal("0.15"), charging, rule, "forecast_owner", "4000",
            ),
        ),
        {
            f"k-{rule}-{charging}": {
                {"claims": "2100", "support": "2300"}[owner]: share
                for owner, share in RESERVED["k"].items()
            }
        },
        tuple(
            Demand(
                hour,
                {"claims": "claims-intake-agent", "support": "uw-summariser"}[owner],
                kind, tokens, 0, False,
            )
            for hour, owner, kind, tokens, _ in EXAMPLE_DEMAND
        ),
    )
    for rule in RULES
    for charging in ("pooled", "actual")
]  # fmt: skip
GENERATED = [case_of(number, facts) for number, facts in enumerate(drawn(CASES, 48))]
PRICED_BY_HOUR = [
    with_one_price(100 + number, facts) for number, facts in enumerate(drawn(CASES, 8, start=7))
]
CHOICES = {
    case.pool_id: best_choice(pool_hours(case.commitments, case.calls(), case.zone), case.terms)
    for case in PRICED_BY_HOUR
}
TWINS = [
    twin_of(case, CHOICES[case.pool_id])
    for case in PRICED_BY_HOUR
    if CHOICES[case.pool_id].best_quantity > 0
]
ALL_CASES = [*EXAMPLES, *GENERATED, *PRICED_BY_HOUR, *TWINS]


def commitment_rows() -> list[Row]:
    return [
        commitment(
            commitment_id=one.commitment_id,
            pool_id=case.pool_id,
            provider_id="aurora" if case.account == "aurora-a" else "borealis",
            model_id="aurora-mini" if case.account == "aurora-a" else "borealis-pro",
            billing_account_id=case.account,
            deployment_ids=case.pool_id,
            quantity=str(one.quantity),
            unit_price_usd_per_hour="" if one.unit_price is None else str(one.unit_price),
            total_price_usd=str(one.total_price),
            upfront_amount_usd="0",
            term_start_at=str(one.starts_at),
            term_end_at=str(one.ends_at),
            throughput_tokens_per_unit_hour=str(one.tokens_per_unit),
            output_weight=str(one.output_weight),
            cache_read_weight=str(one.cache_read_weight),
            minimum_units=str(one.minimum_units),
            increment_units=str(one.increment_units),
            headroom_ratio=str(one.headroom),
            spill_charging=one.spill_charging,
            idle_rule=one.idle_rule,
            excess_idle_rule=one.excess_rule,
            forecast_owner_cost_center_id=one.owner,
            recorded_at="2026-08-01 00:00:00",
        )
        for case in ALL_CASES
        for one in case.commitments
    ]


def reservation_rows(project: Path) -> list[Row]:
    (row,) = read_seed(project, "commitment_reservations")
    return [
        row
        | {
            "commitment_id": commitment_id,
            "cost_center_id": owner,
            "share": str(share),
            "valid_from_at": "2026-09-01 00:00:00",
            "valid_until_at": "2026-12-01 00:00:00",
            "recorded_at": "2026-08-01 00:00:00",
        }
        for case in ALL_CASES
        for commitment_id, shares in case.reservations.items()
        for owner, share in shares.items()
    ]


def rule_rows(project: Path) -> list[Row]:
    """Every pool's platform is 1000, but for one that no rule names."""
    rows = read_seed(project, "allocation_rules")
    pool_rule = next(row for row in rows if row["method"] == "capacity_engine")
    return [
        pool_rule | {"allocation_rule_id": f"rule-{case.pool_id}", "pool_name": case.pool_id}
        for case in ALL_CASES
        if case.pool_id != GENERATED[0].pool_id
    ]


def platform_of(case: Case) -> str:
    return "UNALLOCATED" if case.pool_id == GENERATED[0].pool_id else "1000"


def log_rows() -> list[Row]:
    rows = []
    for case in ALL_CASES:
        for number, (one, call) in enumerate(zip(case.demand, case.calls(), strict=True)):
            facts: Row = {"spend_logs_metadata": {"application": one.application}}
            columns: Row = {}
            if one.kind == SPILLED:
                facts["azure_spillover"] = {"from_deployment": case.pool_id}
            if one.kind == THROTTLED:
                facts["error_information"] = {"error_code": "429", "error_class": "RateLimitError"}
                columns["status"] = "failure"
            if one.is_late:
                columns["_loaded_at"] = LATE
            rows.append(
                spend_log(
                    f"{case.pool_id}-{number}",
                    str(call.started_at + timedelta(minutes=number % 60)),
                    prompt=one.prompt,
                    completion=one.completion,
                    metadata=facts,
                    model="capacity-model",
                    model_id="spilled-to" if one.kind == SPILLED else case.pool_id,
                    custom_llm_provider="aurora" if case.account == "aurora-a" else "borealis",
                    **columns,
                )
            )
    # So that telemetry reaches beyond every term.
    return [*rows, spend_log("last", "2026-11-10 00:00:00")]


@dataclass
class Built:
    run: DbtRun
    project: Path
    raw_path: Path
    workspace: Path


def build(workspace: Path, project: Path, raw_path: Path) -> DbtRun:
    run = run_dbt(RUN, workspace, raw_path, LITELLM_ONLY, project=project)
    assert run.succeeded, run.error or run.failures()
    return run


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    workspace = tmp_path_factory.mktemp("capacity")
    project = copy_project(workspace / "project", keep_price_list=False)
    write_seed(project, "commitments", commitment_rows())
    write_seed(project, "commitment_reservations", reservation_rows(project))
    write_seed(project, "allocation_rules", rule_rows(project))
    prices = [
        price(f"{provider}-{name}", name, amount, model_id="capacity-model", provider_id=provider)
        for provider in ("aurora", "borealis")
        for name, amount in (("input_uncached", INPUT_PRICE), ("output", OUTPUT_PRICE))
    ]
    write_seed(project, "contract_prices", [*read_seed(project, "contract_prices"), *prices])
    raw_path = write_spend_logs(workspace / "raw", log_rows())
    return Built(build(workspace, project, raw_path), project, raw_path, workspace)


def test_hours_are_those_of_the_oracle(built: Built) -> None:
    expected = {
        (case.pool_id, one.hour): (
            one.units,
            one.used_units,
            one.cost,
            one.used_cost,
            one.unused_cost,
            one.spill_cost,
            sum(call.kind == THROTTLED for call in one.calls),
        )
        for case in ALL_CASES
        for hours in case.months().values()
        for one in hours
    }
    rows = built.run.rows(
        "select pool_id, capacity_hour, capacity_units, used_units, capacity_cost_usd,"
        " used_cost_usd, unused_cost_usd, spill_cost_usd, throttled_attempts"
        " from fct_capacity_hours"
    )
    found = {row[:2]: row[2:] for row in rows}
    assert found.keys() == expected.keys()
    assert {
        key: (value, expected[key]) for key, value in found.items() if value != expected[key]
    } == {}


def test_charges_are_those_of_the_oracle(built: Built) -> None:
    different = {}
    for case in ALL_CASES:
        for month, hours in case.months().items():
            expected = charges_of_month(hours, case.terms, platform_of(case))
            found = newest_charges(built.run, case.pool_id, str(month))
            if found != expected:
                different[case.pool_id, month, case.terms.idle_rule] = (found, expected)
    assert different == {}


@pytest.mark.parametrize(
    ("rule", "idle"),
    [
        ("platform", {"1000": "25.00"}),
        ("forecast_owner", {"4000": "25.00"}),
        ("usage_prorata", {"2100": "16.66", "2300": "8.34"}),
        ("reservation_shortfall", {"2100": "21.00", "2300": "4.00"}),
        ("hybrid_headroom", {"1000": "9.00", "4000": "16.00"}),
    ],
)
def test_example_k_comes_out_of_real_calls(built: Built, rule: str, idle: dict[str, str]) -> None:
    for charging in ("pooled", "actual"):
        charges = newest_charges(built.run, f"example-k-{rule}-{charging}")
        assert {owner: amount for (kind, _, owner), amount in charges.items() if kind == IDLE} == {
            owner: Decimal(amount) for owner, amount in idle.items()
        }
        assert charges[USED, "claims-intake-agent", "2100"] == Decimal("23.33")
        assert charges[USED, "uw-summariser", "2300"] == Decimal("11.67")
    assert built.run.rows(
        "select sum(used_units), sum(capacity_units), sum(used_cost_usd), sum(unused_cost_usd)"
        f" from fct_capacity_hours where pool_id = 'example-k-{rule}-pooled'"
    ) == [(Decimal("17.5"), 30, 35, 25)]


def test_a_closed_month_charges_what_its_close_knew(built: Built) -> None:
    """Late calls change the charges of September in November alone."""
    september, november = date(2026, 9, 1), date(2026, 11, 1)
    compared = 0
    for case in GENERATED:
        months, known_then = case.months(), case.months(known=False)
        if september not in months:
            continue
        rows = built.run.rows(
            "select known_month, charge_type, application_id, cost_center_id, sum(amount_usd)"
            f" from int_capacity_charges_monthly where pool_id = '{case.pool_id}'"
            " and billing_month = '2026-09-01' group by all having sum(amount_usd) <> 0"
        )
        by_close: dict[date, dict[Any, Decimal]] = defaultdict(dict)
        for known_month, *key, amount in rows:
            by_close[known_month][tuple(key)] = amount
        platform = platform_of(case)
        assert by_close[september] == charges_of_month(known_then[september], case.terms, platform)
        if november in by_close:
            compared += 1
            assert by_close[november] == charges_of_month(months[september], case.terms, platform)
    assert compared > 3, "too few cases have late calls in September"


def test_the_best_quantity_is_that_of_all_quantities(built: Built) -> None:
    found = {
        row[0]: row[1:]
        for row in built.run.rows(
            "select pool_id, best_quantity, round(best_cost_usd, 6), round(regret_usd, 6)"
            " from rpt_commitment_break_even_monthly"
        )
    }
    for pool_id, choice in CHOICES.items():
        quantity, cost, regret = found[pool_id]
        assert quantity == choice.best_quantity, pool_id
        assert abs(Decimal(cost) - decimal(choice.best_cost)) <= Decimal("0.000002"), pool_id
        expected = decimal(choice.bought_cost - choice.best_cost)
        assert abs(Decimal(regret) - expected) <= Decimal("0.000002"), pool_id


def decimal(fraction: Any) -> Decimal:
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


def test_regret_is_never_negative_and_zero_at_the_best_quantity(built: Built) -> None:
    assert TWINS, "no case is worth committing to"
    assert built.run.value("select min(regret_usd) from rpt_commitment_break_even_monthly") >= 0
    of_twins = dict(
        built.run.rows(
            "select pool_id, round(regret_usd, 6) from rpt_commitment_break_even_monthly"
            " where pool_id like '%-best'"
        )
    )
    assert of_twins == {twin.pool_id: 0 for twin in TWINS}


def test_every_rule_of_the_models_holds(built: Built) -> None:
    """Conservation under any demand: used + unused = capacity = amortized = charged."""
    run = run_dbt(
        ["test", "--select", "path:tests/commitment", "intermediate.commitment,test_type:data",
         "--exclude-resource-type", "unit_test"],
        built.workspace, built.raw_path, LITELLM_ONLY, project=built.project,
    )  # fmt: skip
    assert run.succeeded, run.failures()
    rows = built.run.rows(
        "select sum(attempts_effective_cost_usd) + sum(rounding_usd)"
        " - sum(over_capacity_cost_usd) + sum(unused_cost_usd), sum(capacity_cost_usd)"
        " from fct_capacity_hours"
    )
    ((attempts_and_idle, capacity),) = rows
    assert attempts_and_idle == capacity
    assert built.run.value(
        "select sum(effective_cost_usd) from fct_attempts where pricing_mode = 'committed'"
    ) == built.run.value("select sum(attempts_effective_cost_usd) from fct_capacity_hours")


def test_the_order_of_rows_and_files_does_not_matter(built: Built, tmp_path: Path) -> None:
    shuffler = random.Random(5)
    for name in ("commitments", "commitment_reservations", "allocation_rules", "contract_prices"):
        rows = read_seed(built.project, name)
        shuffler.shuffle(rows)
        write_seed(built.project, name, rows)
    calls = log_rows()
    shuffler.shuffle(calls)
    half = len(calls) // 2
    write_spend_logs(tmp_path / "raw", calls[:half], part="_b")
    raw_path = write_spend_logs(tmp_path / "raw", calls[half:], part="_a")
    again = build(tmp_path / "again", built.project, raw_path)
    # Hashes of what a date was built from depend on the order in which an engine reads it.
    assert (
        mart_differences(
            built.run.database,
            again.database,
            except_columns=lambda mart: ["inputs_version"] if mart == "fct_attempts" else [],
        )
        == {}
    )
    for table in ("int_capacity_charges_monthly", "int_capacity_quantities_costed"):
        query = f"select * from {table} order by all"
        assert built.run.rows(query) == again.rows(query)
