"""The oracle of the bill: worked numbers, properties, and every amount of the marts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from typing import Any

import pytest
from dbt_runs import PROJECT, SAMPLE_DATA, DbtRun
from hypothesis import given, settings
from hypothesis import strategies as st
from test_oracle import log_row, price, reference, seeds

from tests.oracle.arithmetic import UNALLOCATED, exact_sum
from tests.oracle.books import CREDITED_MONTH, MEMO_MONTH, Books, known_at, load_books
from tests.oracle.ledger import (
    INVOICE_CORRECTION,
    LATE_TELEMETRY,
    OWNERSHIP_CHANGE,
    UNATTRIBUTED,
    Bearer,
    Step,
    split_cents,
    spread,
    telescoped,
)
from tests.oracle.pools import as_cents, charge_hour, idle_shares, used_cost
from tests.oracle.read import Row, Seeds
from tests.oracle.reconciliation import (
    Bucket,
    Parts,
    Silence,
    classify,
    in_usd,
    is_above_tolerance,
    price_or_rounding,
)

SEEDS = PROJECT / "seeds"
SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)
MILLION = 1_000_000
PART_COLUMNS = (
    "timing", "duplicates", "bypass", "missing_telemetry", "unexplained_quantity", "price",
    "fixed_fee", "credit", "fx", "tax", "rounding",
)  # fmt: skip


def cents(amount: str) -> int:
    return int(Decimal(amount) * 100)


# ---------------------------------------------------------------------------
# Arithmetic: the largest remainder of the ledger
# ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "weights", "expected"),
    [
        ("100.00", {"a": 1, "b": 1, "c": 1}, {"a": "33.34", "b": "33.33", "c": "33.33"}),
        ("-100.00", {"a": -1, "b": -1, "c": -1}, {"a": "-33.34", "b": "-33.33", "c": "-33.33"}),
        ("0.01", {"a": 3, "b": 1}, {"a": "0.01", "b": "0.00"}),
        ("5.00", {"a": 0, "b": 0}, {UNALLOCATED: "5.00"}),
    ],
)
def test_largest_remainder_splits_as_printed(
    total: str, weights: dict[str, int], expected: dict[str, str]
) -> None:
    exact = [(key, Fraction(weight)) for key, weight in weights.items()]
    assert split_cents(cents(total), exact) == {
        key: cents(amount) for key, amount in expected.items()
    }


def test_a_month_in_31_equal_days_has_13_days_of_the_larger_amount() -> None:
    days = list(split_cents(36500, [(day, Fraction(1)) for day in range(31)]).values())
    assert (days.count(1178), days.count(1177)) == (13, 18)


WEIGHTS = st.lists(st.fractions(min_value=0, max_value=10**6, max_denominator=10**4), max_size=8)


@given(st.integers(-(10**9), 10**9), WEIGHTS)
@settings(deadline=None)
def test_largest_remainder_loses_nothing_and_is_never_a_cent_off(
    total: int, weights: list[Fraction]
) -> None:
    keyed = list(enumerate(weights))
    split = split_cents(total, keyed)
    assert sum(split.values()) == total
    whole = sum(weights)
    for key, weight in keyed:
        if weight:
            assert abs(split[key] - Fraction(total) * weight / whole) < 1


@given(st.integers(1, 10**6), WEIGHTS.filter(any), st.integers(1, 1000), st.randoms())
@settings(deadline=None)
def test_largest_remainder_depends_on_nothing_but_proportions(
    total: int, weights: list[Fraction], factor: int, shuffler: Any
) -> None:
    keyed = list(enumerate(weights))
    split = split_cents(total, keyed)
    shuffled = keyed.copy()
    shuffler.shuffle(shuffled)
    assert split_cents(total, shuffled) == split
    assert split_cents(total, [(key, weight * factor) for key, weight in keyed]) == split
    negative = split_cents(-total, [(key, -weight) for key, weight in keyed])
    assert negative == {key: -amount for key, amount in split.items()}


@given(st.lists(st.fractions(-(10**6), 10**6, max_denominator=10**4), min_size=1, max_size=8))
@settings(deadline=None)
def test_lines_of_both_signs_still_sum_to_the_bill(amounts: list[Fraction]) -> None:
    total = int(as_cents(sum(amounts, Fraction(0))) * 100)
    split = split_cents(total, list(enumerate(amounts)))
    assert sum(split.values()) == total


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcdef"), st.integers(-1000, 1000)), min_size=1, max_size=6
    )
)
def test_postings_telescope_to_the_value_known_last(values: list[dict[str, int]]) -> None:
    postings = telescoped(values)
    for known, value in zip(accumulated(postings), values, strict=True):
        assert known == {key: amount for key, amount in value.items() if amount}
    # Knowing nothing new posts nothing.
    assert telescoped([*values, values[-1]])[-1] == {}


def accumulated(postings: Iterable[dict[Any, int]]) -> list[dict[Any, int]]:
    """Running totals without the keys that have come back to 0."""

    def add(known: dict[Any, int], posting: dict[Any, int]) -> dict[Any, int]:
        keys = known.keys() | posting.keys()
        sums = {key: known.get(key, 0) + posting.get(key, 0) for key in keys}
        return {key: amount for key, amount in sums.items() if amount}

    return list(accumulate(postings, add, initial={}))[1:]


# ---------------------------------------------------------------------------
# Reconciliation: the worked numbers
# ---------------------------------------------------------------------------


def test_a_residual_is_quantity_at_the_card_and_price_on_the_invoice() -> None:
    parts = classify(
        Bucket(
            # 100M of the month and 1.5M that the bill counts in it and UTC does not.
            rated=Decimal("304.50"),
            rated_units=Decimal("101.5") * MILLION,
            gateway=Decimal("3.10") * 102,
            gateway_units=Decimal(102) * MILLION,
            bypass=Decimal("3.10") * 8,
            bypass_units=Decimal(8) * MILLION,
            card_price=Decimal("0.000003"),
        )
    ) + Parts(timing=Decimal("304.50") - Decimal("300.00"))
    assert parts == Parts(
        timing=Decimal("4.50"),
        bypass=Decimal("24.00"),
        unexplained_quantity=Decimal("1.50"),
        price=Decimal("11.00"),
    )
    assert parts.total == Decimal("341.00") - Decimal("300.00")


def test_a_bill_without_quantities_cannot_tell_quantity_from_price() -> None:
    parts = classify(Bucket(Decimal(300), Decimal(100) * MILLION, Decimal(341), None))
    assert parts == Parts(unexplained_quantity=Decimal(41))


def test_silence_explains_missing_calls_and_never_surplus_ones() -> None:
    bucket = Bucket(Decimal(3), Decimal(MILLION), Decimal(6), Decimal(2 * MILLION), is_silent=True)
    assert classify(bucket) == Parts(missing_telemetry=Decimal(3))
    surplus = Bucket(Decimal(6), Decimal(2 * MILLION), Decimal(3), Decimal(MILLION), is_silent=True)
    assert classify(surplus) == Parts(unexplained_quantity=Decimal(-3))


@pytest.mark.parametrize(("weeks", "is_silent"), [((1, 2, 3), True), ((1, 2), False)])
def test_an_hour_is_silent_when_three_same_weekdays_had_calls(
    weeks: tuple[int, ...], is_silent: bool
) -> None:
    hour = datetime(2026, 9, 29, 13)
    silence = Silence({"log": {hour - timedelta(weeks=week) for week in weeks}})
    assert silence.is_silent("log", hour) is is_silent
    assert silence.overlaps(["log"], hour.replace(hour=7), hour + timedelta(days=1)) is is_silent
    assert not silence.is_silent("another log", hour)
    # The hour after the window's end is not part of it.
    assert not silence.overlaps(["log"], hour.replace(hour=7), hour)


def test_foreign_currency_is_local_difference_and_exchange() -> None:
    local = classify(Bucket(Decimal(990), Decimal(0), Decimal(1000), None))
    parts = in_usd(local, Decimal(990), Decimal("1069.20"), Decimal("1.0850"))
    assert parts == Parts(unexplained_quantity=Decimal("10.85"), fx=Decimal("4.95"))
    assert parts.total == Decimal("1085.00") - Decimal("1069.20") == Decimal("15.80")


@pytest.mark.parametrize(
    ("unexplained", "invoiced", "is_above"),
    [
        ("25.00", "1250.00", False),
        ("25.01", "1250.00", True),
        ("-25.01", "1250.00", True),
        ("50.00", "5000.00", False),
        ("50.01", "5000.00", True),
    ],
)
def test_the_tolerance_is_the_larger_of_ratio_and_amount(
    unexplained: str, invoiced: str, is_above: bool
) -> None:
    assert is_above_tolerance(Decimal(unexplained), Decimal(invoiced)) is is_above


def test_rounding_is_at_most_a_cent_for_each_line_in_cents() -> None:
    two_cents = Parts(price=Decimal("0.02"))
    in_whole_cents = [Decimal("1.25"), Decimal("3.10")]
    assert price_or_rounding(two_cents, in_whole_cents) == Parts(rounding=Decimal("0.02"))
    assert price_or_rounding(two_cents, in_whole_cents[:1]) == two_cents
    assert price_or_rounding(two_cents, [Decimal("1.2512"), Decimal("3.10")]) == two_cents


def test_a_true_up_follows_the_rated_cost() -> None:
    rated = {
        Bearer("A", "1"): Fraction(590), Bearer("B", "2"): Fraction(354),
        Bearer("C", "3"): Fraction(236),
    }  # fmt: skip
    assert list(spread(Fraction(20), rated).values()) == [10, 6, 4]
    assert [bearer.cost_center_id for bearer in spread(Fraction(20), {})] == [UNATTRIBUTED]


# ---------------------------------------------------------------------------
# Capacity: the worked numbers
# ---------------------------------------------------------------------------

DEMAND_H2 = {"claims": Fraction(1_500_000), "support": Fraction(750_000)}
SERVED_H2 = {"claims": Fraction(1_200_000), "support": Fraction(600_000)}
SPILL_H2 = {key: DEMAND_H2[key] - SERVED_H2[key] for key in DEMAND_H2}


def test_use_costs_the_rate_of_full_capacity() -> None:
    hour = (Fraction(20), Fraction(1_800_000))
    served = {"claims": Fraction(900_000), "support": Fraction(450_000)}
    assert used_cost(*hour, served) == 15
    assert used_cost(*hour, DEMAND_H2) == 20
    assert used_cost(*hour, {}) == 0


def test_pooled_spill_is_shared_by_the_whole_demand_of_the_hour() -> None:
    used, spilled = charge_hour(Fraction(20), Fraction("5.40"), SERVED_H2, SPILL_H2, True)
    assert {key: as_cents(used[key] + spilled[key]) for key in used} == {
        "claims": Decimal("16.93"),
        "support": Decimal("8.47"),
    }
    only_claims = {"claims": Fraction(450_000)}
    _, spilled = charge_hour(Fraction(20), Fraction("5.40"), SERVED_H2, only_claims, False)
    assert spilled == {"claims": Fraction("5.40")}


def test_the_platform_bears_the_headroom_and_the_forecast_owner_the_rest() -> None:
    books = Books({}, company(commitments=[commitment()]))
    (found,) = books.commitments(books.accounts["p-account"], known_at(None))
    assert idle_shares(found, Fraction(25), Fraction(60)) == {
        "platform": 9,
        "forecast_owner": 16,
    }
    assert idle_shares(found, Fraction(4), Fraction(60)) == {"platform": 4, "forecast_owner": 0}


# ---------------------------------------------------------------------------
# A company of one account, from raw rows to postings
# ---------------------------------------------------------------------------


def commitment(**changes: Any) -> Row:
    return reference(
        commitment_id="pool", pool_id="pool", provider_id="p", model_id="m",
        billing_account_id="p-account", quantity="10", unit_price_usd_per_hour="2.00",
        upfront_amount_usd="0", term_start_at="2026-09-01", term_end_at="2026-10-01",
        throughput_tokens_per_unit_hour="180000", output_weight="4", cache_read_weight="0.25",
        headroom_ratio="0.15", spill_charging="pooled", idle_rule="hybrid_headroom",
        excess_idle_rule="forecast_owner", forecast_owner_cost_center_id="owner",
    ) | changes  # fmt: skip


def company(**tables: list[Row]) -> Seeds:
    """One account whose gateway project is `known`; a token of model `m` costs a millionth."""
    closes = {SEPTEMBER: "2026-10-05 23:59", OCTOBER: "2026-11-05 23:59", NOVEMBER: "2026-12-05"}
    rows = {
        "price_list": [price("input_uncached", "1.00")],
        "billing_accounts": [
            reference(
                billing_account_id="p-account",
                provider_id="p",
                deployment_ids="*",
                gateway_sub_account_ids="known",
                billing_time_zone="UTC",
                billing_currency="USD",
            )
        ],
        "accounting_periods": [
            reference(posting_month=month.isoformat(), close_at=close_at)
            for month, close_at in closes.items()
        ],
        "allocation_rules": [
            reference(pool_name=name, source_cost_center_id="platform", restate_ownership="false")
            for name in ("inference", "unattributed", "pool-1")
        ],
    }
    return seeds(**(rows | tables))


def charge(
    day: str, amount: str, units: float | None, project: str = "known", **changes: Any
) -> Row:
    """A line of an invoice for one day of September."""
    starts_at = datetime.fromisoformat(day)
    row: Row = dict.fromkeys(
        ("CommitmentDiscountId", "CommitmentDiscountStatus", "x_ReferenceInvoiceId", "ResourceId")
    )
    row |= {
        "BillingAccountId": "p-account", "BillingCurrency": "USD",
        "BillingPeriodStart": datetime(2026, 9, 1), "BilledCost": Decimal(amount),
        "ChargeCategory": "Usage", "ChargeDescription": day, "ChargePeriodStart": starts_at,
        "ChargePeriodEnd": starts_at + timedelta(days=1),
        "ConsumedQuantity": None if units is None else Decimal(str(units)) * MILLION,
        "InvoiceId": "invoice",
        "SkuPriceDetails": '{"x_ModelId": "m", "x_TokenDirection": "Input"}',
        "SkuPriceId": "m.input", "SubAccountId": project, "x_DocumentType": "invoice",
        "_loaded_at": datetime(2026, 10, 2, 6),
    }  # fmt: skip
    return row | changes


def call(application: str, day: str, millions: float, **changes: Any) -> Row:
    starts_at = datetime.fromisoformat(day).replace(hour=10)
    return log_row(
        f"{application} {day}",
        startTime=starts_at,
        prompt_tokens=int(Decimal(str(millions)) * MILLION),
        md={"spend_logs_metadata": {"application_id": application}},
        request_tags=f'["app:{application}"]',
        **changes,
    )


def books_of(calls: list[Row], charges: list[Row], **tables: list[Row]) -> Books:
    return Books(
        {("litellm", "spend_logs"): calls, ("focus", "charges"): charges}, company(**tables)
    )


def posted(steps: Iterable[Step], *names: str) -> dict[tuple[Any, ...], str]:
    """USD by posting month, cause and the named fields of the line; zeros are left out."""
    sums: dict[tuple[Any, ...], int] = defaultdict(int)
    for step in steps:
        for (bill, line), amount in step.cents.items():
            values = {**bill._asdict(), **line._asdict(), **line.bearer._asdict()}
            sums[(step.posting_month, step.cause, *(values[name] for name in names))] += amount
    return {key: str(Decimal(amount).scaleb(-2)) for key, amount in sums.items() if amount}


def owner(application_id: str, cost_center_id: str, **changes: Any) -> Row:
    return (
        reference(
            application_id=application_id,
            party_role="cost_center",
            party_id=cost_center_id,
            share="1",
        )
        | changes
    )


def test_late_telemetry_moves_money_and_a_credit_memo_changes_it() -> None:
    calls = [
        call("claims", "2026-09-08", 40),
        call("claims", "2026-09-15", 40),
        call("claims", "2026-09-22", 18.38),
        call("claims", "2026-09-29", 1.62, _loaded_at=datetime(2026, 10, 7, 9)),
    ]
    charges = [
        charge("2026-09-08", "40", 40),
        charge("2026-09-15", "40", 40),
        charge("2026-09-22", "18.38", 18.38),
        charge("2026-09-29", "1.62", 1.62),
        charge(
            "2026-09-01", "-5.00", None, ChargeCategory="Credit", InvoiceId="memo",
            BillingPeriodStart=datetime(2026, 10, 1), ChargePeriodEnd=datetime(2026, 10, 1),
            x_DocumentType="credit_memo", x_ReferenceInvoiceId="invoice",
            _loaded_at=datetime(2026, 10, 10, 9),
        ),
    ]  # fmt: skip
    books = books_of(calls, charges, ownership=[owner("claims", "2100")])
    steps = books.steps()
    assert posted(steps, "document_id", "cost_center_id", "line_type") == {
        (SEPTEMBER, None, "invoice", "2100", "direct"): "98.38",
        (SEPTEMBER, None, "invoice", UNALLOCATED, "unallocated"): "1.62",
        (OCTOBER, LATE_TELEMETRY, "invoice", "2100", "direct"): "1.62",
        (OCTOBER, LATE_TELEMETRY, "invoice", UNALLOCATED, "unallocated"): "-1.62",
        (OCTOBER, INVOICE_CORRECTION, "memo", "2100", "credit"): "-5.00",
    }
    assert posted(steps) == {
        (SEPTEMBER, None): "100.00",
        (OCTOBER, INVOICE_CORRECTION): "-5.00",
    }
    assert sum(books.value(SEPTEMBER, known_at(None)).values()) == cents("95.00")


def users() -> dict[str, list[Row]]:
    return {"ownership": [owner("A", "1"), owner("B", "2"), owner("C", "3")]}


CALLS = [call("A", "2026-09-08", 590), call("B", "2026-09-08", 354), call("C", "2026-09-08", 236)]


def test_bypass_is_never_spread_and_the_rest_follows_rated_cost() -> None:
    charges = [
        charge("2026-09-08", "1200.00", 1180),
        charge("2026-09-09", "50.00", 50, project="unknown"),
    ]
    steps = books_of(CALLS, charges, **users()).steps()
    assert posted(steps, "cost_center_id", "line_type") == {
        (SEPTEMBER, None, "1", "direct"): "590.00",
        (SEPTEMBER, None, "2", "direct"): "354.00",
        (SEPTEMBER, None, "3", "direct"): "236.00",
        (SEPTEMBER, None, "1", "true_up"): "10.00",
        (SEPTEMBER, None, "2", "true_up"): "6.00",
        (SEPTEMBER, None, "3", "true_up"): "4.00",
        (SEPTEMBER, None, UNATTRIBUTED, "unattributed"): "50.00",
    }
    assert posted(steps) == {(SEPTEMBER, None): "1250.00"}


def test_above_the_tolerance_nothing_unexplained_is_spread() -> None:
    steps = books_of(CALLS, [charge("2026-09-08", "1250.00", 1250)], **users()).steps()
    assert posted(steps, "line_type") == {
        (SEPTEMBER, None, "direct"): "1180.00",
        (SEPTEMBER, None, "unallocated"): "70.00",
    }


def test_an_invoice_without_any_telemetry_has_no_known_user() -> None:
    steps = books_of([], [charge("2026-09-08", "1250.00", 1250)], **users()).steps()
    assert posted(steps, "cost_center_id") == {(SEPTEMBER, None, UNATTRIBUTED): "1250.00"}


def test_usage_that_nobody_billed_is_estimated_until_an_invoice_comes() -> None:
    late = charge("2026-09-08", "1180.00", 1180, _loaded_at=datetime(2026, 10, 20))
    steps = books_of(CALLS, [late], **users()).steps()
    assert posted(steps, "document_id") == {
        (SEPTEMBER, None, "estimated:p-account:2026-09"): "1180.00",
        (OCTOBER, INVOICE_CORRECTION, "estimated:p-account:2026-09"): "-1180.00",
        (OCTOBER, INVOICE_CORRECTION, "invoice"): "1180.00",
    }


@pytest.mark.parametrize("restates", [False, True])
def test_an_owner_found_after_the_close_is_charged_only_if_the_rule_restates(
    restates: bool,
) -> None:
    rules = [
        reference(
            pool_name=name, source_cost_center_id="platform",
            restate_ownership=str(restates).lower(),
        )
        for name in ("inference", "unattributed", "pool-1")
    ]  # fmt: skip
    found = owner("unknown", "3100", recorded_at="2026-10-08 10:00:00")
    books = books_of(
        [],
        [charge("2026-09-08", "144.00", 144, project="unknown")],
        ownership=[found],
        allocation_rules=rules,
    )
    expected = {(SEPTEMBER, None, UNATTRIBUTED): "144.00"}
    if restates:
        expected |= {
            (OCTOBER, OWNERSHIP_CHANGE, UNATTRIBUTED): "-144.00",
            (OCTOBER, OWNERSHIP_CHANGE, "3100"): "144.00",
        }
    assert posted(books.steps(), "cost_center_id") == expected


def test_timing_reverses_in_the_next_month() -> None:
    account = reference(
        billing_account_id="p-account", provider_id="p", deployment_ids="*",
        gateway_sub_account_ids="*", billing_time_zone="America/Los_Angeles",
        billing_currency="USD",
    )  # fmt: skip
    calls = [
        call("A", "2026-09-30", 5),
        log_row("night", startTime=datetime(2026, 10, 1, 4), prompt_tokens=3 * MILLION),
        call("A", "2026-10-08", 2),
    ]
    charges = [
        charge("2026-09-30", "8.00", 8, ChargePeriodStart=datetime(2026, 9, 30, 7),
               ChargePeriodEnd=datetime(2026, 10, 1, 7)),
        charge("2026-10-08", "2.00", 2, ChargePeriodStart=datetime(2026, 10, 8, 7),
               ChargePeriodEnd=datetime(2026, 10, 9, 7),
               BillingPeriodStart=datetime(2026, 10, 1, 7), InvoiceId="next"),
    ]  # fmt: skip
    rows = books_of(calls, charges, billing_accounts=[account], **users()).reconciliation()
    assert {month: row.parts for (month, *_), row in rows.items()} == {
        SEPTEMBER: Parts(timing=Decimal(3)),
        OCTOBER: Parts(timing=Decimal(-3)),
    }


# ---------------------------------------------------------------------------
# The sample company
# ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def books() -> Books:
    return load_books(SAMPLE_DATA, SEEDS)


@pytest.fixture(scope="module")
def steps(books: Books) -> list[Step]:
    return books.steps()


def test_bills_of_the_sample_company_have_their_printed_totals(books: Books) -> None:
    totals: dict[tuple[str, int], list[Decimal]] = defaultdict(list)
    for _, line in books.placed:
        if line.category != "credit":
            totals[line.billing_account_id, line.usage_month.month].append(line.amount)
    printed = {
        "aurora-a": ("229.1175", "49.734", "189.432"),
        "aurora-b": ("5.2212", "1.656", "1.9234"),
        "borealis": ("271.7574", "14914.008", "430.8336"),
        "cirrus": ("75.00", "75.00", "196.00"),
    }
    assert {key: exact_sum(amounts) for key, amounts in totals.items()} == {
        (account, month): Decimal(amount)
        for account, amounts in printed.items()
        for month, amount in zip((8, 9, 10), amounts, strict=True)
    }


def test_every_difference_of_the_sample_company_has_its_printed_reason(books: Books) -> None:
    reasons: dict[tuple[str, int, str], list[Decimal]] = defaultdict(list)
    for (month, account, *_), row in books.reconciliation(CREDITED_MONTH).items():
        assert row.parts.total == row.residual_usd
        for name in PART_COLUMNS:
            if amount := getattr(row.parts, name):
                reasons[account, month.month, name].append(amount)
    assert {key: exact_sum(amounts) for key, amounts in reasons.items()} == {
        ("aurora-a", 8, "timing"): Decimal("0.405"),
        ("aurora-a", 9, "timing"): Decimal("-0.081"),
        ("aurora-a", 10, "timing"): Decimal("-0.324"),
        ("aurora-a", 8, "missing_telemetry"): Decimal("5.40"),
        ("aurora-a", 10, "bypass"): Decimal("144.00"),
        ("borealis", 9, "price"): Decimal("13.05"),
        ("borealis", 9, "credit"): Decimal("-63.05"),
        ("cirrus", 10, "fx"): Decimal("0.98"),
    }


def test_a_memo_can_also_stand_in_its_own_month(books: Books) -> None:
    rows = books.reconciliation(MEMO_MONTH)
    credits = {month: row.parts.credit for (month, *_), row in rows.items() if row.parts.credit}
    assert set(credits) == {OCTOBER}


def test_postings_of_the_sample_company_sum_to_what_is_known_last(
    books: Books, steps: list[Step]
) -> None:
    for usage in books.periods:
        known = accumulated(step.cents for step in steps if step.usage_month == usage.posting_month)
        value = books.value(usage.posting_month, known_at(None))
        assert (known[-1] if known else {}) == {
            key: amount for key, amount in value.items() if amount
        }


# ---------------------------------------------------------------------------
# The marts
# ---------------------------------------------------------------------------


def unequal(built: dict[Any, Any], expected: dict[Any, Any]) -> dict[Any, Any]:
    """What differs, by key: (built, expected)."""
    return {
        key: (built.get(key), expected.get(key))
        for key in built.keys() | expected.keys()
        if built.get(key) != expected.get(key)
    }


def test_the_reconciliation_is_that_of_the_oracle(sample_build: DbtRun, books: Books) -> None:
    columns = (
        "reconciliation_status", "rated_units", "invoiced_units", "rated_usd", "invoiced_usd",
        "residual_usd", "is_above_tolerance", *(f"{name}_usd" for name in PART_COLUMNS),
    )  # fmt: skip
    built = {
        tuple(row[:4]): dict(zip(columns, row[4:], strict=True))
        for row in sample_build.rows(
            f"""
            select month, billing_account_id, model_id, token_class, {", ".join(columns)}
            from rpt_invoice_reconciliation_monthly
            """
        )
    }
    expected = {
        key: {
            "reconciliation_status": row.status,
            "rated_units": row.rated_units,
            "invoiced_units": row.invoiced_units,
            "rated_usd": row.rated_usd,
            "invoiced_usd": row.invoiced_usd,
            "residual_usd": row.residual_usd,
            "is_above_tolerance": row.is_above_tolerance,
            **{f"{name}_usd": getattr(row.parts, name) for name in PART_COLUMNS},
        }
        for key, row in books.reconciliation(CREDITED_MONTH).items()
    }
    assert len(expected) == 31
    assert unequal(built, expected) == {}


def posted_lines(build: DbtRun) -> dict[tuple[Any, ...], Decimal]:
    """What the ledger of a build charges to consumers, by everything the oracle knows of a line."""
    return {
        tuple(row[:-1]): row[-1]
        for row in build.rows(
            """
            select
                posting_month, usage_month, restatement_cause, billing_account_id, invoice_id,
                model_id, coalesce(commitment_id, ''), application_id, cost_center_id,
                charge_line_type, sum(amount_usd)
            from fct_cost_lines
            where line_side = 'consumer' and cost_dimension = 'model_inference' and not is_memo
            group by all
            """
        )
    }


def expected_lines(steps: Iterable[Step]) -> dict[tuple[Any, ...], Decimal]:
    """The same of the oracle's steps."""
    expected: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for step in steps:
        for (bill, line), amount in step.cents.items():
            key = (
                step.posting_month, step.usage_month, step.cause, bill.billing_account_id,
                bill.document_id, line.model_id, line.commitment_id, line.bearer.application_id,
                line.bearer.cost_center_id, line.line_type,
            )  # fmt: skip
            expected[key] += Decimal(amount).scaleb(-2)
    return dict(expected)


def test_every_posted_line_is_that_of_the_oracle(sample_build: DbtRun, steps: list[Step]) -> None:
    expected = expected_lines(steps)
    assert len(expected) > 40
    assert unequal(posted_lines(sample_build), expected) == {}


def test_restatements_are_those_of_the_oracle(sample_build: DbtRun, steps: list[Step]) -> None:
    built = {
        tuple(row[:3]): row[3:]
        for row in sample_build.rows(
            """
            select
                usage_month, posting_month, restatement_cause, amount_usd, increase_usd,
                decrease_usd, published_usd, restated_usd
            from rpt_restatements_monthly
            """
        )
    }
    published: dict[date, int] = defaultdict(int)
    restated: dict[tuple[date, date], int] = defaultdict(int)
    changes: dict[tuple[date, date, str], list[int]] = defaultdict(list)
    for step in steps:
        total = sum(step.cents.values())
        if step.cause is None:
            published[step.usage_month] += total
        else:
            key = (step.usage_month, step.posting_month, step.cause)
            changes[key].extend(step.cents.values())
            restated[step.usage_month, step.posting_month] += total
    expected = {}
    for (usage_month, posting_month, cause), amounts in changes.items():
        after = published[usage_month] + sum(
            amount
            for (usage, posting), amount in restated.items()
            if usage == usage_month and posting <= posting_month
        )
        expected[usage_month, posting_month, cause] = tuple(
            Decimal(amount).scaleb(-2)
            for amount in (
                sum(amounts),
                sum(amount for amount in amounts if amount > 0),
                sum(amount for amount in amounts if amount < 0),
                published[usage_month],
                after,
            )
        )
    assert unequal(built, expected) == {}
