"""Properties of the rating that hold for every call and every price, on generated ones.

All cases go through one build: each has models, prices and call ids of its own. A second build of
the same rows in another order has to give the same marts.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dbt_runs import DbtRun, run_dbt
from hypothesis import strategies as st
from raw_files import (
    BUILD,
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
from test_oracle_agrees import attempt_differences, interaction_differences

from tests.oracle import CONVERT_TOTAL, load

CLASSES = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output")
CASES = 30
Usage = dict[str, int]

UNIT_PRICES = st.integers(1, 99_999_999).map(lambda millionths: Decimal(millionths).scaleb(-6))
COUNTS = st.integers(0, 3_000_000)
USAGES = st.fixed_dictionaries(
    {"input_uncached": st.integers(1, 3_000_000)} | dict.fromkeys(CLASSES[1:], COUNTS)
)
PRICES_BY_CLASS = st.fixed_dictionaries(dict.fromkeys(CLASSES, UNIT_PRICES))
INSTANTS = st.datetimes(datetime(2026, 8, 1), datetime(2026, 11, 20)).map(
    lambda instant: instant.replace(microsecond=0)
)


def call(call_id: str, model: str, usage: Usage, at: str = "2026-09-10 12:00:00") -> Row:
    """A call whose disjoint token classes are exactly `usage`."""
    return spend_log(
        call_id,
        at,
        model=model,
        prompt=sum(count for name, count in usage.items() if name != "output"),
        completion=usage.get("output", 0),
        cached=usage.get("cache_read", 0),
        written_5m=usage.get("cache_write_5m", 0),
        written_1h=usage.get("cache_write_1h", 0),
    )


def prices_of(model: str, by_class: dict[str, Decimal], **columns: Any) -> list[Row]:
    tail = "-".join(str(columns.get(key, "")) for key in ("valid_from_at", "context_from_tokens"))
    return [
        price(f"{model}-{name}-{tail}", name, amount, model_id=model, **columns)
        for name, amount in by_class.items()
    ]


def plus(one: Usage, other: Usage) -> Usage:
    return {name: one[name] + other[name] for name in one}


def graduated_cost(units: int, steps: list[tuple[int, Decimal]]) -> Decimal:
    """USD or currency of a month's units; a step is its first unit and its price per million."""
    cost = Decimal(0)
    for number, (start, unit_price) in enumerate(steps):
        end = steps[number + 1][0] if number + 1 < len(steps) else units
        cost += max(0, min(units, end) - start) * unit_price / 1_000_000
    return cost


@dataclass(frozen=True)
class Volume:
    """A graduated price and the calls of two months under it."""

    model: str
    steps: list[tuple[int, Decimal]]
    units: list[int]
    currency: str


def volume_prices(model: str, steps: list[tuple[int, Decimal]], currency: str) -> list[Row]:
    ends = [start for start, _ in steps[1:]] + [""]
    return [
        price(
            f"{model}-{start}", "input_uncached", amount, model_id=model, currency=currency,
            volume_from_units=start or "", volume_until_units=end,
        )
        for (start, amount), end in zip(steps, ends, strict=True)
    ]  # fmt: skip


def volumes() -> list[Volume]:
    cases = drawn(
        st.tuples(
            st.lists(st.integers(1, 5_000_000), min_size=1, max_size=3, unique=True).map(sorted),
            st.lists(UNIT_PRICES, min_size=4, max_size=4),
            st.lists(st.integers(1, 3_000_000), min_size=1, max_size=9),
            st.sampled_from(["USD", "EUR"]),
        ),
        12,
    )
    return [
        Volume(f"graduated-{n}", list(zip([0, *starts], amounts, strict=False)), units, currency)
        for n, (starts, amounts, units, currency) in enumerate(cases)
    ]


SPLITS = drawn(st.tuples(PRICES_BY_CLASS, USAGES, USAGES), CASES)
DOUBLES = drawn(st.tuples(PRICES_BY_CLASS, USAGES), CASES)
GROWTHS = drawn(st.tuples(PRICES_BY_CLASS, USAGES, USAGES), CASES)
WINDOWS = drawn(st.tuples(UNIT_PRICES, UNIT_PRICES, INSTANTS, st.booleans()), CASES)
BANDS = drawn(st.tuples(UNIT_PRICES, UNIT_PRICES, st.integers(2, 2_000_000)), CASES)
VOLUMES = volumes()
# The input is graduated, the output changes its price in the middle of the month.
TWO_CLASSES = Volume(
    "graduated-beside-a-change",
    [(0, Decimal(4)), (1_000_000, Decimal(2))],
    [600_000, 600_000],
    "USD",
)

FIRST_MONTH, SECOND_MONTH = "2026-09", "2026-10"
ONE_MICROSECOND = timedelta(microseconds=1)


def all_prices() -> list[Row]:
    rows: list[Row] = []
    for n, (by_class, _, _) in enumerate(SPLITS):
        rows += prices_of(f"split-{n}", by_class)
    for n, (by_class, _) in enumerate(DOUBLES):
        rows += prices_of(f"single-{n}", by_class)
        rows += prices_of(f"double-{n}", {name: 2 * amount for name, amount in by_class.items()})
    for n, (by_class, _, _) in enumerate(GROWTHS):
        rows += prices_of(f"growth-{n}", by_class)
    for n, (before, after, instant, has_successor) in enumerate(WINDOWS):
        rows += prices_of(f"window-{n}", {"input_uncached": before}, valid_until_at=str(instant))
        if has_successor:
            rows += prices_of(f"window-{n}", {"input_uncached": after}, valid_from_at=str(instant))
    for n, (below, above, bound) in enumerate(BANDS):
        rows += prices_of(f"band-{n}", {"input_uncached": below}, context_until_tokens=bound)
        rows += prices_of(f"band-{n}", {"input_uncached": above}, context_from_tokens=bound)
    for volume in VOLUMES:
        rows += volume_prices(volume.model, volume.steps, volume.currency)
        doubled = [(start, 2 * amount) for start, amount in volume.steps]
        rows += volume_prices(f"{volume.model}-double", doubled, volume.currency)
    rows += volume_prices(TWO_CLASSES.model, TWO_CLASSES.steps, TWO_CLASSES.currency)
    rows += prices_of(
        TWO_CLASSES.model, {"output": Decimal(10)}, valid_until_at=f"{FIRST_MONTH}-15 00:00:00"
    )
    rows += prices_of(
        TWO_CLASSES.model, {"output": Decimal(12)}, valid_from_at=f"{FIRST_MONTH}-15 00:00:00"
    )
    return rows


def all_calls() -> list[Row]:
    rows: list[Row] = []
    for n, (_, one, other) in enumerate(SPLITS):
        rows.append(call(f"split-{n}-one", f"split-{n}", one))
        rows.append(call(f"split-{n}-other", f"split-{n}", other))
        rows.append(call(f"split-{n}-both", f"split-{n}", plus(one, other)))
    for n, (_, usage) in enumerate(DOUBLES):
        rows.append(call(f"single-{n}", f"single-{n}", usage))
        rows.append(call(f"double-{n}", f"double-{n}", usage))
    for n, (_, usage, more) in enumerate(GROWTHS):
        rows.append(call(f"growth-{n}-less", f"growth-{n}", usage))
        rows.append(call(f"growth-{n}-more", f"growth-{n}", plus(usage, more)))
    for n, (_, _, instant, _) in enumerate(WINDOWS):
        for name, moment in (("before", instant - ONE_MICROSECOND), ("at", instant)):
            rows.append(
                call(
                    f"window-{n}-{name}", f"window-{n}", {"input_uncached": 1_000_000}, str(moment)
                )
            )
    for n, (_, _, bound) in enumerate(BANDS):
        for name, prompt in (("last", bound - 1), ("first", bound), ("next", bound + 1)):
            rows.append(call(f"band-{n}-{name}", f"band-{n}", {"input_uncached": prompt}))
        # Cached tokens count for the band, the answer does not.
        rows.append(
            call(f"band-{n}-answer", f"band-{n}", {"input_uncached": bound - 1, "output": 0})
        )
    for volume in VOLUMES:
        for model in (volume.model, f"{volume.model}-double"):
            for n, units in enumerate(volume.units):
                rows.append(
                    call(f"{model}-{n}", model, {"input_uncached": units},
                         f"{FIRST_MONTH}-{1 + n:02d} 00:00:00")
                )  # fmt: skip
            rows.append(
                call(f"{model}-next-month", model, {"input_uncached": volume.units[0]},
                     f"{SECOND_MONTH}-01 00:00:00")
            )  # fmt: skip
    for n, units in enumerate(TWO_CLASSES.units):
        rows.append(
            call(f"{TWO_CLASSES.model}-{n}", TWO_CLASSES.model,
                 {"input_uncached": units, "output": 0}, f"{FIRST_MONTH}-{10 + 10 * n} 12:00:00")
        )  # fmt: skip
    return rows


@dataclass
class Rated:
    """The build and its costs by request id."""

    run: DbtRun
    raw_path: Path
    project: Path
    costs: dict[str, Decimal | None]


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Rated:
    workspace = tmp_path_factory.mktemp("properties")
    project = copy_project(workspace / "project", keep_price_list=False)
    write_seed(project, "contract_prices", all_prices())
    raw_path = write_spend_logs(workspace / "raw", all_calls())
    run = run_dbt(BUILD, workspace, raw_path, variables={"sources": ["litellm"]}, project=project)
    assert run.succeeded, run.error or run.failures()
    assert run.value("select count(*) from rpt_quarantined_records") == 0
    costs = dict(run.rows("select source_record_id, contracted_cost_usd from fct_attempts"))
    assert len(costs) == len(all_calls())
    return Rated(run, raw_path, project, costs)


def test_a_call_split_in_two_costs_the_same_at_a_flat_price(rated: Rated) -> None:
    for n, case in enumerate(SPLITS):
        parts = rated.costs[f"split-{n}-one"] + rated.costs[f"split-{n}-other"]
        assert parts == rated.costs[f"split-{n}-both"], case


def test_a_cost_is_the_sum_of_its_classes(rated: Rated) -> None:
    for n, (by_class, usage) in enumerate(DOUBLES):
        expected = sum(usage[name] * by_class[name] for name in CLASSES).scaleb(-6)
        assert rated.costs[f"single-{n}"] == expected, (by_class, usage)


def test_twice_the_prices_cost_twice_as_much(rated: Rated) -> None:
    for n, case in enumerate(DOUBLES):
        assert rated.costs[f"double-{n}"] == 2 * rated.costs[f"single-{n}"], case


def test_more_tokens_never_cost_less(rated: Rated) -> None:
    for n, case in enumerate(GROWTHS):
        assert rated.costs[f"growth-{n}-more"] > rated.costs[f"growth-{n}-less"], case


def test_a_price_holds_from_its_first_instant_to_before_its_last(rated: Rated) -> None:
    for n, (before, after, instant, has_successor) in enumerate(WINDOWS):
        assert rated.costs[f"window-{n}-before"] == before, instant
        assert rated.costs[f"window-{n}-at"] == (after if has_successor else None), instant


def test_after_the_last_price_the_exposure_stays_at_it(rated: Rated) -> None:
    exposures = dict(
        rated.run.rows(
            """
            select source_record_id, unpriced_exposure_usd from fct_attempts
            where unpriced_reason = 'no_price'
            """
        )
    )
    assert exposures == {
        f"window-{n}-at": before
        for n, (before, _, _, has_successor) in enumerate(WINDOWS)
        if not has_successor
    }


def test_a_band_begins_at_its_bound_and_prices_the_whole_prompt(rated: Rated) -> None:
    for n, (below, above, bound) in enumerate(BANDS):
        assert rated.costs[f"band-{n}-last"] == ((bound - 1) * below).scaleb(-6), bound
        assert rated.costs[f"band-{n}-first"] == (bound * above).scaleb(-6), bound
        assert rated.costs[f"band-{n}-next"] == ((bound + 1) * above).scaleb(-6), bound
        assert rated.costs[f"band-{n}-answer"] == rated.costs[f"band-{n}-last"], bound


def in_usd(amount: Decimal, currency: str) -> Decimal:
    """At the sample company's month rate, to 12 decimals."""
    rate = Decimal("1.08") if currency == "EUR" else Decimal(1)
    return (amount * rate).quantize(Decimal("1e-12"), ROUND_HALF_UP)


@pytest.mark.parametrize("factor", [1, 2])
def test_a_graduated_month_adds_up_exactly(rated: Rated, factor: int) -> None:
    for volume in VOLUMES:
        model = volume.model if factor == 1 else f"{volume.model}-double"
        steps = [(start, factor * amount) for start, amount in volume.steps]
        split = [rated.costs[f"{model}-{n}"] for n in range(len(volume.units))]
        month = in_usd(graduated_cost(sum(volume.units), steps), volume.currency)
        assert sum(split) == month, volume
        # The next month climbs the steps again from the first.
        alone = in_usd(graduated_cost(volume.units[0], steps), volume.currency)
        assert rated.costs[f"{model}-next-month"] == alone, volume


def test_a_graduated_month_is_split_by_units(rated: Rated) -> None:
    for volume in VOLUMES:
        costs = [rated.costs[f"{volume.model}-{n}"] for n in range(len(volume.units))]
        by_units = sorted(zip(volume.units, costs, strict=True))
        assert [cost for _, cost in by_units] == sorted(costs), volume
        # Equal units cost the same, but for what rounding leaves to the first of the largest.
        for (units, cost), (next_units, next_cost) in pairwise(by_units):
            if units == next_units:
                assert abs(cost - next_cost) <= Decimal("1e-12") * len(costs), volume


def test_a_price_change_of_one_class_leaves_the_volume_of_another_alone(rated: Rated) -> None:
    month = graduated_cost(sum(TWO_CLASSES.units), TWO_CLASSES.steps)
    split = [rated.costs[f"{TWO_CLASSES.model}-{n}"] for n in range(len(TWO_CLASSES.units))]
    assert sum(split) == month


def test_the_oracle_rates_every_case_alike(rated: Rated) -> None:
    result = load(
        rated.raw_path, rated.project / "seeds", ["litellm"], graduated_conversion=CONVERT_TOTAL
    )
    assert attempt_differences(rated.run, result, bills={}) == {}
    assert interaction_differences(rated.run, result, bills={}) == {}


def test_the_order_of_rows_changes_nothing(
    rated: Rated, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Shuffled raw rows and shuffled rows of every seed."""
    workspace = tmp_path_factory.mktemp("shuffled")
    shuffle = random.Random(20261123).shuffle
    project = copy_project(workspace / "project", keep_price_list=False)
    write_seed(project, "contract_prices", all_prices())
    for path in (project / "seeds").glob("*/*.csv"):
        rows = read_seed(project, path.stem)
        shuffle(rows)
        write_seed(project, path.stem, rows)
    calls = all_calls()
    shuffle(calls)
    half = len(calls) // 2
    write_spend_logs(workspace / "raw", calls[:half], part="_1")
    write_spend_logs(workspace / "raw", calls[half:], part="_2")
    run = run_dbt(
        BUILD, workspace, workspace / "raw", variables={"sources": ["litellm"]}, project=project
    )
    assert run.succeeded, run.error or run.failures()
    assert mart_differences(rated.run.database, run.database) == {}
