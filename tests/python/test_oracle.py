"""The oracle against the worked numbers of the finance rules and small hand-made cases."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.oracle import CONVERT_TOTAL, OracleResult, RatedAttempt, compute, load
from tests.oracle.__main__ import main
from tests.oracle.arithmetic import (
    CONTEXT,
    UNALLOCATED,
    exact_sum,
    largest_remainder,
    price_of_units,
    round_places,
    split_at_blended_rate,
)
from tests.oracle.ownership import UNOWNED, OwnershipOverlap, Registry
from tests.oracle.rate import PriceTie
from tests.oracle.read import InputError, Seeds
from tests.oracle.requests import (
    ReferenceConflict,
    TokenParseError,
    attempt_id_of,
    parse_count,
)

NOON = datetime(2026, 10, 20, 12, 0)
PRICE_COLUMNS = (
    "price_id",
    "provider_id",
    "model_id",
    "billing_account_id",
    "region_id",
    "pricing_mode",
    "token_class",
    "context_from_tokens",
    "context_until_tokens",
    "volume_from_units",
    "volume_until_units",
    "unit_price",
    "unit_quantity",
    "currency",
    "valid_from_at",
    "valid_until_at",
    "recorded_at",
    "source",
)


# ---------------------------------------------------------------------------
# Builders
# ---------------------------------------------------------------------------


def price(token_class: str, unit_price: str, **changes: Any) -> dict[str, Any]:
    """One price row of model ``m`` at provider ``p``, per million tokens."""
    row: dict[str, Any] = dict.fromkeys(PRICE_COLUMNS)
    row.update(
        provider_id="p",
        model_id="m",
        billing_account_id="*",
        region_id="*",
        pricing_mode="on_demand",
        token_class=token_class,
        unit_price=unit_price,
        unit_quantity="1000000",
        currency="USD",
        valid_from_at="2026-01-01 00:00:00",
        valid_until_at="9999-12-31 00:00:00",
        recorded_at="2026-01-01 00:00:00",
        source="test",
    )
    row.update(changes)
    if row["price_id"] is None:
        row["price_id"] = "-".join(
            str(row[name])
            for name in ("model_id", "pricing_mode", "token_class", "unit_price", "recorded_at")
        )
    return row


def reference(**values: Any) -> dict[str, Any]:
    """A reference row that always held."""
    row: dict[str, Any] = {
        "valid_from_at": "2026-01-01 00:00:00",
        "valid_until_at": "9999-12-31 00:00:00",
        "recorded_at": "2026-01-01 00:00:00",
    }
    row.update(values)
    return row


def seeds(**tables: list[dict[str, Any]]) -> Seeds:
    return Seeds(dict(tables))


def log_row(request_id: str | None = "r1", **changes: Any) -> dict[str, Any]:
    """A spend log row of a successful call; ``md``, ``usage`` and ``details`` go into metadata."""
    prompt = changes.get("prompt_tokens", 1000)
    completion = changes.get("completion_tokens", 0)
    details = changes.pop("details", {})
    usage = {"prompt_tokens_details": details, **changes.pop("usage", {})}
    metadata = {
        "usage_object": usage,
        "attempted_retries": 0,
        "attempted_fallbacks": 0,
        **changes.pop("md", {}),
    }
    started_at = changes.get("startTime", NOON)
    row: dict[str, Any] = {
        "request_id": request_id,
        "call_type": "acompletion",
        "api_key": "key",
        "spend": 0.0,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "startTime": started_at,
        "endTime": started_at + timedelta(seconds=2) if started_at else None,
        "completionStartTime": started_at + timedelta(seconds=2) if started_at else None,
        "model": "m",
        "model_id": "deployment",
        "model_group": "m",
        "custom_llm_provider": "p",
        "metadata": json.dumps(metadata),
        "cache_hit": "False",
        "request_tags": "[]",
        "session_id": "s",
        "status": "success",
        "_loaded_at": started_at + timedelta(minutes=15) if started_at else NOON,
    }
    row.update(changes)
    return row


def span_row(
    span_id: str | None = "1", trace_id: str = "t", parent: str | None = None, **changes: Any
) -> dict[str, Any]:
    """A chat span; other keyword arguments replace columns, ``at`` moves it in time."""
    started_at = changes.pop("at", NOON)
    nanoseconds = int((started_at - datetime(1970, 1, 1)).total_seconds()) * 1_000_000_000
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "p",
        "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 0,
    }
    attributes.update(changes.pop("attributes", {}))
    row: dict[str, Any] = {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": parent,
        "start_time_unix_nano": nanoseconds,
        "end_time_unix_nano": nanoseconds + 2_000_000_000,
        "status_code": 0,
        "resource_attributes": json.dumps({"service.name": "app"}),
        "attributes": json.dumps(
            {name: value for name, value in attributes.items() if value is not None}
        ),
        "_loaded_at": started_at + timedelta(minutes=15),
    }
    row.update(changes)
    return row


def run(
    log: list[dict[str, Any]] | None = None,
    reference_rows: Seeds | None = None,
    spans: list[dict[str, Any]] | None = None,
    **options: Any,
) -> OracleResult:
    return compute(
        {("litellm", "spend_logs"): log or [], ("otel_genai", "spans"): spans or []},
        reference_rows or seeds(price_list=[price("input_uncached", "3"), price("output", "15")]),
        **options,
    )


def only(result: OracleResult) -> RatedAttempt:
    (attempt,) = result.attempts.values()
    return attempt


def by_record(result: OracleResult) -> dict[str, RatedAttempt]:
    return {one.attempt.source_record_id: one for one in result.attempts.values()}


# ---------------------------------------------------------------------------
# Arithmetic
# ---------------------------------------------------------------------------


def test_largest_remainder_gives_the_printed_splits() -> None:
    assert largest_remainder(10000, [("a", 1), ("b", 1), ("c", 1)]) == {
        "a": 3334,
        "b": 3333,
        "c": 3333,
    }
    assert largest_remainder(-10000, [("a", 1), ("b", 1), ("c", 1)]) == {
        "a": -3334,
        "b": -3333,
        "c": -3333,
    }
    assert largest_remainder(1, [("a", 3), ("b", 1)]) == {"a": 1, "b": 0}
    assert largest_remainder(500, [("a", 0), ("b", 0)]) == {UNALLOCATED: 500}
    days = largest_remainder(36500, [(day, 1) for day in range(1, 32)])
    assert Counter(days.values()) == {1178: 13, 1177: 18}
    assert largest_remainder(2500, [("claims", 2333), ("support", 1167)]) == {
        "claims": 1666,
        "support": 834,
    }
    with pytest.raises(ValueError, match="negative"):
        largest_remainder(1, [("a", -1)])


def test_rounding_is_half_away_from_zero() -> None:
    assert round_places(Decimal("2.345"), 2) == Decimal("2.35")
    assert round_places(Decimal("-2.345"), 2) == Decimal("-2.35")


def test_rated_amount_is_exact_at_the_limits_of_its_types() -> None:
    units, unit_price = 99_999_999_999_999_999_999, Decimal("999999.999999")
    exact = Decimal(units * 999_999_999_999).scaleb(-12, context=CONTEXT)
    assert price_of_units(units, unit_price, Decimal(1_000_000)) == exact
    assert price_of_units(1, Decimal("0.000001"), Decimal(1_000_000)) == Decimal("1E-12")
    assert price_of_units(3, Decimal("0.025"), Decimal(1)) == Decimal("0.075")


def test_blended_split_sums_exactly_and_gives_the_rest_to_the_largest() -> None:
    shares = split_at_blended_rate(Decimal(1), {"b": 1, "a": 1, "c": 1})
    assert exact_sum(shares.values()) == 1
    assert shares["a"] == Decimal("0.333333333334")
    assert shares["b"] == shares["c"] == Decimal("0.333333333333")


# ---------------------------------------------------------------------------
# The worked examples of rating
# ---------------------------------------------------------------------------

CACHE_PRICES = [
    price("input_uncached", "3.00"),
    price("cache_read", "0.30"),
    price("cache_write_5m", "3.75"),
    price("output", "15.00"),
    price("input_uncached", "1.50", pricing_mode="batch"),
    price("cache_read", "0.15", pricing_mode="batch"),
    price("cache_write_5m", "1.875", pricing_mode="batch"),
    price("output", "7.50", pricing_mode="batch"),
]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [({}, "0.0309"), ({"service_tier": "batch"}, "0.01545")],
    ids=["on demand", "batch"],
)
def test_r1_cache_classes_are_disjoint(usage: dict[str, Any], expected: str) -> None:
    row = log_row(
        prompt_tokens=12_000,
        completion_tokens=1_000,
        details={
            "cached_tokens": 8_000,
            "cache_creation_tokens": 2_000,
            "cache_creation_token_details": {
                "ephemeral_5m_input_tokens": 2_000,
                "ephemeral_1h_input_tokens": 0,
            },
        },
        usage={"completion_tokens_details": {"reasoning_tokens": 400}, **usage},
    )
    rated = only(run([row], seeds(price_list=CACHE_PRICES)))
    assert rated.contracted_cost_usd == Decimal(expected)
    assert rated.attempt.tokens["input_uncached"] == 2_000
    assert rated.attempt.reasoning_tokens == 400
    if not usage:
        assert {line.token_class: line.cost_usd for line in rated.contracted_lines} == {
            "input_uncached": Decimal("0.0060"),
            "cache_read": Decimal("0.0024"),
            "cache_write_5m": Decimal("0.0075"),
            "output": Decimal("0.0150"),
        }


def test_r1_gives_the_same_cost_from_a_span() -> None:
    span = span_row(
        attributes={
            "gen_ai.usage.input_tokens": "12000",
            "gen_ai.usage.output_tokens": 1_000,
            "gen_ai.usage.cache_read.input_tokens": 8_000,
            "gen_ai.usage.cache_creation.input_tokens": 2_000,
            "gen_ai.usage.reasoning.output_tokens": 400,
        }
    )
    rated = only(run(spans=[span], reference_rows=seeds(price_list=CACHE_PRICES)))
    assert rated.contracted_cost_usd == Decimal("0.0309")
    assert "CACHE_TTL_UNKNOWN" in rated.attempt.flags


CONTEXT_PRICES = [
    price("input_uncached", "3.00", context_until_tokens="200001", price_id="in-low"),
    price("output", "15.00", context_until_tokens="200001", price_id="out-low"),
    price("cache_read", "0.30", context_until_tokens="200001", price_id="read-low"),
    price("input_uncached", "6.00", context_from_tokens="200001", price_id="in-high"),
    price("output", "22.50", context_from_tokens="200001", price_id="out-high"),
    price("cache_read", "0.60", context_from_tokens="200001", price_id="read-high"),
]


@pytest.mark.parametrize(
    ("prompt", "completion", "cached", "expected"),
    [
        (250_000, 2_000, 0, "1.5450"),
        (200_000, 2_000, 0, "0.63"),
        (200_001, 0, 0, "1.200006"),
        # The band follows the whole prompt, cached tokens included, and never the output.
        (250_000, 0, 250_000, "0.15"),
        (199_000, 2_000, 0, "0.627"),
    ],
)
def test_r2_whole_request_context_band(
    prompt: int, completion: int, cached: int, expected: str
) -> None:
    row = log_row(
        prompt_tokens=prompt, completion_tokens=completion, details={"cached_tokens": cached}
    )
    rated = only(run([row], seeds(price_list=CONTEXT_PRICES)))
    assert rated.contracted_cost_usd == Decimal(expected)


MILLION = 1_000_000
VOLUME_PRICES = [
    price("input_uncached", "0.50", volume_from_units="0", volume_until_units=str(1000 * MILLION)),
    price(
        "input_uncached",
        "0.40",
        volume_from_units=str(1000 * MILLION),
        volume_until_units=str(5000 * MILLION),
    ),
    price("input_uncached", "0.30", volume_from_units=str(5000 * MILLION)),
]


def test_r3_graduated_volume_splits_at_the_blended_rate() -> None:
    result = run(
        [
            log_row("a", prompt_tokens=4200 * MILLION),
            log_row("b", prompt_tokens=2000 * MILLION, startTime=NOON + timedelta(days=1)),
        ],
        seeds(price_list=VOLUME_PRICES),
    )
    assert result.contracted_cost_usd == Decimal("2460.00")
    rated = by_record(result)
    costs = {name: one.contracted_cost_usd for name, one in rated.items()}
    assert round_places(costs["a"], 2) == Decimal("1666.45")
    assert round_places(costs["b"], 2) == Decimal("793.55")
    assert costs["b"] == Decimal("793.548387096774")
    assert costs["a"] == Decimal("1666.451612903226")
    assert len(rated["a"].price_row_ids["input_uncached"]) == 3


def test_r3_each_month_and_account_starts_at_the_first_band() -> None:
    accounts = [
        reference(
            billing_account_id=f"account-{name}",
            provider_id="p",
            deployment_ids=name,
        )
        for name in ("one", "two")
    ]
    result = run(
        [
            log_row("october", prompt_tokens=1500 * MILLION, model_id="one"),
            log_row("other", prompt_tokens=1500 * MILLION, model_id="two"),
            log_row(
                "november",
                prompt_tokens=1500 * MILLION,
                model_id="one",
                startTime=datetime(2026, 11, 1),
            ),
        ],
        seeds(price_list=VOLUME_PRICES, billing_accounts=accounts),
    )
    assert {one.contracted_cost_usd for one in result.attempts.values()} == {Decimal(700)}


def test_r4_price_changes_at_midnight() -> None:
    change = "2026-10-15 00:00:00"
    prices = [
        price("input_uncached", "3.00", valid_until_at=change),
        price("input_uncached", "2.40", valid_from_at=change),
    ]
    result = run(
        [
            log_row(
                "before",
                prompt_tokens=MILLION,
                startTime=datetime(2026, 10, 14, 23, 59, 59, 999000),
            ),
            log_row("after", prompt_tokens=MILLION, startTime=datetime(2026, 10, 15)),
        ],
        seeds(price_list=prices),
    )
    costs = {name: one.contracted_cost_usd for name, one in by_record(result).items()}
    assert costs == {"before": Decimal("3.00"), "after": Decimal("2.40")}


def test_r5_list_and_contracted_cost_stand_side_by_side() -> None:
    rated = only(
        run(
            [log_row(prompt_tokens=MILLION)],
            seeds(
                price_list=[price("input_uncached", "3.00")],
                contract_prices=[price("input_uncached", "2.40", price_id="deal")],
            ),
        )
    )
    assert rated.list_cost_usd == Decimal("3.00")
    assert rated.contracted_cost_usd == Decimal("2.40")
    assert rated.list_cost_usd - rated.contracted_cost_usd == Decimal("0.60")
    assert rated.price_row_ids == {"input_uncached": ("deal",)}


# ---------------------------------------------------------------------------
# Which price row wins
# ---------------------------------------------------------------------------


def test_contract_then_account_then_region_then_latest_recorded() -> None:
    account = [
        reference(billing_account_id="acc", provider_id="p", deployment_ids="*"),
    ]
    row = log_row(prompt_tokens=MILLION, usage={"inference_geo": "eu"})

    def cost(listed: list[dict[str, Any]], contracts: list[dict[str, Any]]) -> Decimal | None:
        reference_rows = seeds(
            price_list=listed, contract_prices=contracts, billing_accounts=account
        )
        return only(run([row], reference_rows)).contracted_cost_usd

    base = price("input_uncached", "9")
    later = price("input_uncached", "8", recorded_at="2026-02-01 00:00:00")
    regional = price("input_uncached", "7", region_id="eu")
    other_region = price("input_uncached", "1", region_id="us")
    named = price("input_uncached", "6", billing_account_id="acc")
    other_account = price("input_uncached", "1", billing_account_id="else")
    contract = price("input_uncached", "5")
    assert cost([base, other_region, other_account], []) == 9
    assert cost([base, later], []) == 8
    assert cost([base, later, regional], []) == 7
    assert cost([base, later, regional, named], []) == 6
    assert cost([base, later, regional, named], [contract]) == 5


def test_equally_good_prices_are_an_error() -> None:
    prices = [
        price("input_uncached", "1", price_id="one"),
        price("input_uncached", "2", price_id="two"),
    ]
    with pytest.raises(PriceTie, match="one, two"):
        run([log_row()], seeds(price_list=prices))


def test_overlapping_volume_bands_are_an_error_unless_recorded_later() -> None:
    low = price("input_uncached", "2", price_id="low", volume_until_units="600")
    high = price("input_uncached", "1", price_id="high", volume_from_units="600")
    wrong = price("input_uncached", "5", price_id="wrong", volume_until_units="700")
    with pytest.raises(PriceTie, match="low, wrong"):
        run([log_row()], seeds(price_list=[low, high, wrong]))
    correction = {**low, "price_id": "new", "unit_price": "3", "recorded_at": "2026-03-01"}
    rated = only(run([log_row()], seeds(price_list=[low, high, correction])))
    assert rated.contracted_cost_usd == Decimal("0.0022")
    assert rated.price_row_ids == {"input_uncached": ("new", "high")}


def test_a_price_counts_from_the_moment_it_was_recorded() -> None:
    late = price("input_uncached", "3", recorded_at="2026-10-30 12:00:00")
    rows = [log_row(spend=0.5)]
    before = run(rows, seeds(price_list=[late]), as_of="2026-10-29 00:00:00")
    after = run(rows, seeds(price_list=[late]), as_of="2026-10-30 12:00:00")
    assert only(before).unpriced_reason == "unknown_model"
    assert only(before).contracted_cost_usd is None
    assert only(before).unpriced_exposure_usd == Decimal("0.5")
    assert only(after).contracted_cost_usd == Decimal("0.003")


def test_rows_that_had_not_arrived_are_unknown() -> None:
    rows = [log_row(_loaded_at=datetime(2026, 10, 21)), log_row("r2")]
    assert len(run(rows, as_of="2026-10-20 23:59:59").attempts) == 1
    assert len(run(rows, as_of="2026-10-21 00:00:00").attempts) == 2
    without_loader = [log_row(_loaded_at=None, created_at=datetime(2026, 10, 21))]
    assert not run(without_loader, as_of="2026-10-20 23:59:59").attempts


# ---------------------------------------------------------------------------
# Missing is not zero
# ---------------------------------------------------------------------------


def test_one_class_without_a_price_leaves_the_attempt_without_a_cost() -> None:
    prices = [
        price("input_uncached", "3"),
        price("output", "15", valid_until_at="2026-06-01 00:00:00", price_id="ended"),
        price(
            "output",
            "10",
            valid_until_at="2026-03-01 00:00:00",
            price_id="older",
            valid_from_at="2025-01-01 00:00:00",
        ),
        price("output", "99", valid_from_at="2027-01-01 00:00:00", price_id="future"),
    ]
    rated = only(
        run([log_row(prompt_tokens=MILLION, completion_tokens=MILLION)], seeds(price_list=prices))
    )
    assert rated.contracted_cost_usd is None
    assert rated.list_cost_usd is None
    assert rated.unpriced_reason == "no_price"
    assert rated.unpriced_exposure_usd == 18


def test_exposure_falls_back_to_the_gateways_cost_and_then_to_nothing() -> None:
    prices = seeds(price_list=[price("output", "15")])
    known = only(run([log_row(spend=0.25)], prices))
    unknown = only(run([log_row(spend=0.0)], prices))
    assert known.unpriced_reason == unknown.unpriced_reason == "no_price"
    assert known.unpriced_exposure_usd == Decimal("0.25")
    assert unknown.unpriced_exposure_usd is None


def test_reasons_in_their_order() -> None:
    no_usage = log_row("a", prompt_tokens=0, model="nobody knows")
    no_model = log_row("b", model="nobody knows")
    no_mode = log_row("c", usage={"service_tier": "flex"})
    no_rate = log_row("d", model="euro")
    prices = [
        price("input_uncached", "3"),
        price("input_uncached", "3", model_id="euro", currency="EUR"),
    ]
    result = run([no_usage, no_model, no_mode, no_rate], seeds(price_list=prices))
    assert {name: one.unpriced_reason for name, one in by_record(result).items()} == {
        "a": "no_usage",
        "b": "unknown_model",
        "c": "no_price",
        "d": "no_fx_rate",
    }
    assert all(one.contracted_cost_usd is None for one in result.attempts.values())


def test_list_cost_is_missing_when_only_a_contract_names_the_class() -> None:
    rated = only(run([log_row()], seeds(contract_prices=[price("input_uncached", "3")])))
    assert rated.list_cost_usd is None
    assert rated.contracted_cost_usd == Decimal("0.003")
    assert rated.unpriced_reason is None


# ---------------------------------------------------------------------------
# What is billed
# ---------------------------------------------------------------------------

FAILURE = {"status": "failure", "completion_tokens": 0}


@pytest.mark.parametrize(
    ("changes", "status", "usage_source", "cost"),
    [
        ({}, "success", "provider", "0.003"),
        ({"cache_hit": "True"}, "success", "provider", "0"),
        ({"cache_hit": "None"}, "success", "provider", "0.003"),
        (
            {**FAILURE, "prompt_tokens": 0, "md": {"attempted_retries": None}},
            "gateway_rejected",
            "none",
            "0",
        ),
        (
            {**FAILURE, "md": {"error_information": {"error_code": "500"}}},
            "provider_error",
            "gateway_estimate",
            "0",
        ),
        (
            {**FAILURE, "md": {"error_information": {"error_code": "content_filter"}}},
            "blocked",
            "gateway_estimate",
            "0",
        ),
        (
            {"md": {"error_information": {"error_class": "ClientDisconnected"}}},
            "client_cancelled",
            "provider",
            "0.003",
        ),
        (
            {
                "prompt_tokens": 0,
                "md": {"error_information": {"error_class": "ClientDisconnected"}},
            },
            "client_cancelled",
            "none",
            None,
        ),
        ({"prompt_tokens": 0}, "success", "none", None),
    ],
)
def test_gateway_log_billing(
    changes: dict[str, Any], status: str, usage_source: str, cost: str | None
) -> None:
    rated = only(run([log_row(**changes)]))
    assert rated.attempt.status == status
    assert rated.attempt.usage_source == usage_source
    assert rated.contracted_cost_usd == (None if cost is None else Decimal(cost))
    assert rated.unpriced_reason == ("no_usage" if cost is None else None)


def test_a_failed_span_with_usage_is_billed_and_one_without_is_not() -> None:
    billed = span_row("1", attributes={"error.type": "TimeoutError"})
    free = span_row(
        "2",
        attributes={
            "error.type": "openai.RateLimitError",
            "gen_ai.usage.input_tokens": None,
            "gen_ai.usage.output_tokens": None,
        },
    )
    rated = by_record(run(spans=[billed, free]))
    assert rated["t1"].attempt.status == rated["t2"].attempt.status == "provider_error"
    assert rated["t1"].contracted_cost_usd == Decimal("0.003")
    assert rated["t2"].contracted_cost_usd == 0
    assert rated["t2"].attempt.error_class == "throttled"


def test_pricing_mode_and_the_mode_of_the_price() -> None:
    commitment = [
        reference(
            commitment_id="c1",
            deployment_ids="pool-a|pool-b",
            term_start_at="2026-10-01 00:00:00",
            term_end_at="2026-10-21 00:00:00",
        )
    ]
    prices = [
        price("input_uncached", "3"),
        price("input_uncached", "2", pricing_mode="flex"),
        price("input_uncached", "6", pricing_mode="priority"),
    ]
    spill = {"azure_spillover": {"from_deployment": "pool-a"}}
    rows = [
        log_row("plain", usage={"service_tier": "standard"}),
        log_row("flex", md={"cost_breakdown": {"service_tier": "flex"}}),
        log_row(
            "priority",
            usage={"service_tier": "priority"},
            md={"cost_breakdown": {"service_tier": "flex"}},
        ),
        log_row("committed", model_id="pool-b"),
        log_row("spill", model_id="pool-b", md=spill),
        log_row("after the term", model_id="pool-b", startTime=datetime(2026, 10, 21)),
        log_row("new tier", usage={"service_tier": "ludicrous"}),
    ]
    rated = by_record(run(rows, seeds(price_list=prices, commitments=commitment)))
    found = {
        name: (one.attempt.pricing_mode, one.contracted_cost_usd, one.effective_cost_usd)
        for name, one in rated.items()
    }
    three = Decimal("0.003")
    assert found == {
        "plain": ("on_demand", three, three),
        "flex": ("flex", Decimal("0.002"), Decimal("0.002")),
        "priority": ("priority", Decimal("0.006"), Decimal("0.006")),
        "committed": ("committed", three, None),
        "spill": ("committed_spill", three, three),
        "after the term": ("on_demand", three, three),
        "new tier": ("unknown", None, None),
    }
    assert rated["spill"].attempt.attempt_role == "spill"


# ---------------------------------------------------------------------------
# Other currencies
# ---------------------------------------------------------------------------


def euro_seeds(prices: list[dict[str, Any]]) -> Seeds:
    return seeds(
        contract_prices=prices,
        fx_rates=[
            {
                "from_currency": "EUR",
                "to_currency": "USD",
                "rate_date": "2026-10-01",
                "rate_type": rate_type,
                "rate": rate,
                "recorded_at": recorded_at,
            }
            for rate_type, rate, recorded_at in (
                ("month_avg", "1.0700", "2026-10-01 00:00:00"),
                ("month_avg", "1.0800", "2026-11-01 00:00:00"),
                ("booked", "1.0850", "2026-11-02 00:00:00"),
            )
        ],
    )


def test_other_currencies_take_the_month_rate_known_at_the_time() -> None:
    reference_rows = euro_seeds([price("input_uncached", "0.10", currency="EUR")])
    rows = [log_row(prompt_tokens=50 * MILLION)]
    rated = only(run(rows, reference_rows))
    assert rated.contracted_cost_usd == Decimal("5.40")
    assert rated.cost_by_currency == {"EUR": Decimal("5.00")}
    earlier = only(run(rows, reference_rows, as_of="2026-10-31"))
    assert earlier.contracted_cost_usd == Decimal("5.35")


def test_converted_amounts_round_half_away_from_zero_at_twelve_decimals() -> None:
    reference_rows = euro_seeds([price("input_uncached", "0.000001", currency="EUR")])
    rated = only(run([log_row(prompt_tokens=25)], reference_rows))
    assert rated.contracted_cost_usd == Decimal("0.000000000027")


def test_a_graduated_month_in_another_currency() -> None:
    bands = [
        price("input_uncached", "0.10", currency="EUR", volume_until_units=str(1000 * MILLION)),
        price("input_uncached", "0.08", currency="EUR", volume_from_units=str(1000 * MILLION)),
    ]
    rows = [
        log_row(f"job-{number:02d}", prompt_tokens=50 * MILLION, startTime=NOON)
        for number in range(44)
    ]
    each = run(rows, euro_seeds(bands))
    total = run(rows, euro_seeds(bands), graduated_conversion=CONVERT_TOTAL)
    for result in (each, total):
        euros = exact_sum(one.cost_by_currency["EUR"] for one in result.attempts.values())
        assert euros == Decimal("196.00")
    assert total.contracted_cost_usd == Decimal("211.68")
    # Converting 44 amounts one by one rounds 44 times.
    assert each.contracted_cost_usd == Decimal("211.680000000017")


# ---------------------------------------------------------------------------
# Aliases and accounts
# ---------------------------------------------------------------------------


def test_alias_gives_model_and_provider_at_event_time() -> None:
    def alias(**changes: Any) -> dict[str, Any]:
        return reference(
            **{"alias": "raw/name", "source_name": "*", "provider_id": None, **changes}
        )

    aliases = [
        alias(model_id="old", valid_until_at="2026-10-01 00:00:00"),
        alias(model_id="any", valid_from_at="2026-10-01 00:00:00"),
        alias(
            model_id="m",
            source_name="litellm",
            provider_id="p",
            valid_from_at="2026-10-01 00:00:00",
        ),
    ]
    row = log_row(
        custom_llm_provider="reseller",
        md={"model_map_information": {"model_map_key": "raw/name", "model_map_value": {}}},
    )
    reference_rows = seeds(model_aliases=aliases, price_list=[price("input_uncached", "3")])
    rated = only(run([row], reference_rows))
    assert (rated.attempt.provider_id, rated.attempt.model_id) == ("p", "m")
    assert rated.contracted_cost_usd == Decimal("0.003")
    span = span_row(attributes={"gen_ai.response.model": "raw/name"})
    assert only(run(spans=[span], reference_rows=reference_rows)).attempt.model_id == "any"
    two_at_once = [alias(model_id="one"), alias(model_id="two")]
    with pytest.raises(ReferenceConflict, match="raw/name"):
        run([row], seeds(model_aliases=two_at_once))


def test_account_that_names_the_deployment_beats_the_default() -> None:
    accounts = [
        reference(billing_account_id="default", provider_id="p", deployment_ids="*"),
        reference(billing_account_id="own", provider_id="p", deployment_ids="x|deployment"),
    ]
    reference_rows = seeds(billing_accounts=accounts)
    rated = by_record(run([log_row("a"), log_row("b", model_id="y")], reference_rows))
    assert rated["a"].attempt.billing_account_id == "own"
    assert rated["b"].attempt.billing_account_id == "default"
    assert (
        only(run(spans=[span_row()], reference_rows=reference_rows)).attempt.billing_account_id
        == "default"
    )


# ---------------------------------------------------------------------------
# Several records of one call
# ---------------------------------------------------------------------------


def test_redelivery_keeps_the_first_arrival_and_counts_the_rest() -> None:
    first = log_row()
    again = log_row(_loaded_at=NOON + timedelta(hours=2))
    result = run([again, first])
    assert result.exact_duplicates["litellm"] == 1
    assert only(result).attempt.ingested_at == first["_loaded_at"]
    assert result.contracted_cost_usd == Decimal("0.003")


def test_conflicting_versions_are_all_refused_at_the_larger_estimate() -> None:
    result = run([log_row(), log_row(prompt_tokens=5000), log_row(), log_row("other")])
    assert [one.reason for one in result.quarantined] == ["CONFLICT_DUP", "CONFLICT_DUP"]
    assert result.exact_duplicates["litellm"] == 1
    assert only(result).attempt.source_record_id == "other"
    assert result.quarantined_estimate_usd == Decimal("0.015")


def test_source_rows_are_accepted_refused_or_copies() -> None:
    result = run(
        [log_row(), log_row(), log_row("b", prompt_tokens=-1), log_row("c")],
        spans=[span_row(), span_row()],
    )
    for source, rows in result.source_rows.items():
        accepted = sum(one.attempt.source_name == source for one in result.attempts.values())
        refused = sum(one.source_name == source for one in result.quarantined)
        assert rows == accepted + refused + result.exact_duplicates[source]


def test_a_blank_id_is_replaced_and_a_second_equal_row_is_ambiguous() -> None:
    result = run([log_row(None), log_row("", prompt_tokens=2000), log_row(None)])
    assert len(result.attempts) == 2
    assert all("SYNTH_ID" in one.attempt.flags for one in result.attempts.values())
    assert all(one.attempt.provider_response_id is None for one in result.attempts.values())
    assert [one.reason for one in result.quarantined] == ["AMBIGUOUS_DUP"]


def test_one_response_seen_by_two_sources_is_paid_once() -> None:
    span = span_row(attributes={"gen_ai.response.id": "r1"})
    result = run([log_row()], spans=[span])
    gateway = result.attempts[attempt_id_of("litellm", "r1")]
    client = result.attempts[attempt_id_of("otel_genai", "t1")]
    assert gateway.is_cost_bearing and not client.is_cost_bearing
    assert client.contracted_cost_usd == client.list_cost_usd == 0
    assert client.attempt.bearing_attempt_id == gateway.attempt.attempt_id
    assert "CHAINED_DUP" in client.attempt.flags
    assert result.contracted_cost_usd == Decimal("0.003")
    assert list(result.interactions) == ["r1"]
    reversed_order = seeds(
        price_list=[price("input_uncached", "3")],
        source_precedence=[
            reference(source_name="litellm", precedence="20"),
            reference(source_name="otel_genai", precedence="10"),
        ],
    )
    result = run([log_row()], reversed_order, spans=[span])
    assert result.attempts[attempt_id_of("otel_genai", "t1")].is_cost_bearing


def test_a_refused_gateway_row_leaves_the_cost_with_the_client_span() -> None:
    span = span_row(attributes={"gen_ai.response.id": "r1"})
    result = run([log_row(prompt_tokens=-5)], spans=[span])
    assert only(result).is_cost_bearing
    assert result.contracted_cost_usd == Decimal("0.003")


def test_cache_hits_failures_and_embeddings_have_no_response_id() -> None:
    rows = [
        log_row("hit_cache_hit1790000000", cache_hit="True"),
        log_row("failed", status="failure"),
        log_row("vector", call_type="aembedding"),
        log_row("chat"),
    ]
    rated = by_record(run(rows))
    assert {name: one.attempt.provider_response_id for name, one in rated.items()} == {
        "hit_cache_hit1790000000": None,
        "failed": None,
        "vector": None,
        "chat": "chat",
    }


# ---------------------------------------------------------------------------
# Bad input
# ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prompt_tokens": -1}, "TOKEN_NEGATIVE"),
        ({"completion_tokens": -1}, "TOKEN_NEGATIVE"),
        ({"details": {"cached_tokens": 1001}}, "TOKEN_NEGATIVE_NET"),
        ({"details": {"cached_tokens": "12.5"}}, "TOKEN_PARSE"),
        ({"details": {"cached_tokens": "1,23"}}, "TOKEN_PARSE"),
        ({"prompt_tokens": 10_001}, "TOKEN_IMPOSSIBLE"),
        ({"_loaded_at": NOON - timedelta(minutes=5, microseconds=1)}, "FUTURE_TS"),
        ({"startTime": datetime(2019, 12, 31, 23, 59, 59)}, "TS_RANGE"),
        ({"startTime": datetime(2100, 1, 1)}, "TS_RANGE"),
        ({"startTime": None}, "TS_RANGE"),
    ],
)
def test_refused_rows(changes: dict[str, Any], reason: str) -> None:
    reference_rows = seeds(
        price_list=[price("input_uncached", "3"), price("cache_read", "1")],
        models=[reference(model_id="m", context_window_tokens="1000")],
    )
    result = run([log_row(**changes)], reference_rows)
    assert not result.attempts
    assert [one.reason for one in result.quarantined] == [reason]


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt_tokens": 10_000},
        {"details": {"cached_tokens": 1000}},
        {"_loaded_at": NOON - timedelta(minutes=5)},
        {"startTime": datetime(2020, 1, 1)},
    ],
)
def test_rows_on_the_limit_are_accepted(changes: dict[str, Any]) -> None:
    models = [
        reference(model_id="m", context_window_tokens="1000", valid_from_at="2000-01-01 00:00:00")
    ]
    assert len(run([log_row(**changes)], seeds(models=models)).attempts) == 1


def test_a_model_without_a_window_takes_any_size() -> None:
    models = [reference(model_id="m", context_window_tokens=None)]
    assert len(run([log_row(prompt_tokens=10**9)], seeds(models=models)).attempts) == 1


def test_a_wrong_convention_fails_above_one_percent() -> None:
    good = [log_row(f"g{number}") for number in range(99)]
    bad = log_row("bad", details={"cached_tokens": 2000})
    assert not run([*good, bad]).failures
    assert run([*good[:98], bad]).failures


def test_token_writings() -> None:
    assert parse_count("1,234") == (1234, True)
    assert parse_count("1e3") == (1000, True)
    assert parse_count(12.0) == (12, True)
    assert parse_count("607") == (607, False)
    assert parse_count(None) == (0, False)
    for wrong in ("12.5", "abc", "1,23,4", True, float("nan"), float("inf")):
        with pytest.raises(TokenParseError):
            parse_count(wrong)


def test_repaired_rows_carry_flags() -> None:
    row = log_row(
        prompt_tokens="1,000",
        completion_tokens=10,
        total_tokens=999,
        endTime=NOON - timedelta(seconds=1),
        usage={"completion_tokens_details": {"reasoning_tokens": 11}},
    )
    rated = only(run([row]))
    assert set(rated.attempt.flags) == {
        "TOTAL_MISMATCH",
        "TOKEN_REPAIRED",
        "CLOCK_SKEW",
        "REASONING_ABOVE_OUTPUT",
        "SYNTH_INTERACTION",
    }
    assert rated.attempt.latency_seconds is None
    assert rated.contracted_cost_usd == Decimal("0.00315")


def test_a_disconnect_with_the_gateways_own_count_is_an_estimate() -> None:
    row = log_row(
        status="failure",
        md={"error_information": {"error_class": "ClientDisconnected"}},
    )
    rated = only(run([row]))
    assert "EST_USAGE" in rated.attempt.flags
    assert rated.contracted_cost_usd == Decimal("0.003")


def test_conventions_are_reference_data() -> None:
    def convention(provider_id: str, **changes: Any) -> dict[str, Any]:
        names = (
            "is_cache_read_in_input",
            "is_cache_write_in_input",
            "is_audio_in_input",
            "is_image_in_input",
            "is_reasoning_in_output",
            "is_audio_in_output",
        )
        return reference(
            source_name="litellm",
            provider_id=provider_id,
            **{**dict.fromkeys(names, "true"), **changes},
        )

    row = log_row(
        completion_tokens=10,
        details={"cached_tokens": 400, "audio_tokens": 100},
        usage={"completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 4}},
    )
    inclusive = only(run([row], seeds(token_conventions=[convention("*")]))).attempt
    assert inclusive.tokens["input_uncached"] == 500
    assert inclusive.tokens["output"] == 6
    assert inclusive.context_tokens == 1000
    exclusive = convention("p", is_cache_read_in_input="false", is_reasoning_in_output="false")
    other = only(run([row], seeds(token_conventions=[convention("*"), exclusive]))).attempt
    assert other.tokens["input_uncached"] == 900
    assert other.tokens["output"] == 11
    assert other.context_tokens == 1400
    unknown = run([row], seeds(token_conventions=[convention("somebody else")]))
    assert [one.reason for one in unknown.quarantined] == ["TOKEN_CONVENTION_UNKNOWN"]


def test_cache_writes_without_a_time_to_live_are_five_minute_writes() -> None:
    row = log_row(details={"cache_creation_tokens": 300})
    attempt = only(run([row])).attempt
    assert attempt.tokens["cache_write_5m"] == 300
    assert attempt.tokens["input_uncached"] == 700
    assert "CACHE_TTL_UNKNOWN" in attempt.flags


# ---------------------------------------------------------------------------
# Ids and interactions
# ---------------------------------------------------------------------------


def test_ids_of_a_gateway_row() -> None:
    caller = {
        "application": "claims",
        "workflow_run_id": "run-7",
        "step": 3,
        "agent": "resolver",
    }
    attempt = only(run([log_row(md={"spend_logs_metadata": caller})])).attempt
    assert attempt.attempt_id == attempt_id_of("litellm", "r1")
    assert (attempt.interaction_id, attempt.run_id, attempt.step_id) == (
        "run-7",
        "run-7",
        "run-7:3",
    )
    assert (attempt.application_id, attempt.component_id) == ("claims", "resolver")
    tagged = only(run([log_row(request_tags='["x", "app:tagged", "env:ci"]')])).attempt
    assert tagged.application_id == "tagged"
    assert tagged.environment == "unknown"
    assert tagged.interaction_id == tagged.step_id == tagged.run_id == "r1"


def test_key_metadata_names_the_application_last() -> None:
    result = compute(
        {
            ("litellm", "spend_logs"): [log_row()],
            ("litellm", "keys"): [
                {"token": "key", "metadata": '{"application": "by-key", "environment": "prod"}'}
            ],
        },
        seeds(),
    )
    assert only(result).attempt.application_id == "by-key"
    assert only(result).attempt.environment == "prod"


def tree_span(span_id: str, operation: str, parent: str | None, **names: str) -> dict[str, Any]:
    return span_row(
        span_id,
        parent=parent,
        attributes={
            "gen_ai.operation.name": operation,
            **{f"gen_ai.{name.replace('__', '.')}": value for name, value in names.items()},
        },
    )


def test_spans_take_their_interaction_and_component_from_the_tree() -> None:
    spans = [
        tree_span("w", "invoke_workflow", None, workflow__name="triage", conversation__id="talk"),
        tree_span("a", "invoke_agent", "w", agent__name="resolver", agent__version="3"),
        span_row("1", parent="a"),
        span_row("2", parent="a", at=NOON + timedelta(minutes=1)),
        tree_span("x", "execute_tool", "a"),
        span_row("3", parent="gone"),
        span_row("9", trace_id="lonely"),
    ]
    result = run(spans=spans)
    assert len(result.attempts) == 4
    attempt = by_record(result)["t1"].attempt
    assert (attempt.interaction_id, attempt.run_id, attempt.step_id, attempt.parent_step_id) == (
        "w",
        "t",
        "1",
        "a",
    )
    assert (attempt.workflow_id, attempt.component_id, attempt.component_version) == (
        "triage",
        "resolver",
        "3",
    )
    assert attempt.session_id == "talk"
    assert by_record(result)["t3"].attempt.interaction_id == "w"
    assert by_record(result)["lonely9"].attempt.interaction_id == "lonely"
    assert result.interactions["w"].attempts == 3
    assert result.interactions["w"].contracted_cost_usd == Decimal("0.009")


def test_a_circle_of_parents_ends() -> None:
    spans = [span_row("1", parent="2"), span_row("2", parent="1")]
    assert len(run(spans=spans).attempts) == 2


def test_interaction_across_midnight_counts_on_its_first_day() -> None:
    caller = {"spend_logs_metadata": {"interaction_id": "i", "application": "app"}}
    fallback = {**caller, "attempted_fallbacks": 1, "attempted_retries": 2}
    rows = [
        log_row("one", md=caller, startTime=datetime(2026, 10, 20, 23, 59, 59)),
        log_row(
            "two",
            md=fallback,
            startTime=datetime(2026, 10, 21),
            prompt_tokens=3000,
            model="other",
        ),
    ]
    prices = seeds(
        price_list=[price("input_uncached", "3"), price("input_uncached", "3", model_id="other")]
    )
    result = run(rows, prices)
    interaction = result.interactions["i"]
    assert interaction.interaction_date == date(2026, 10, 20)
    assert (interaction.attempts, interaction.retries, interaction.fallbacks) == (2, 2, 1)
    assert interaction.steps == 2
    assert interaction.tokens["input_uncached"] == 4000
    assert interaction.model_inference_cost_usd == Decimal("0.012")
    assert interaction.primary_model_id == "other"
    assert result.daily_cost_usd == {
        ("i", date(2026, 10, 20)): Decimal("0.003"),
        ("i", date(2026, 10, 21)): Decimal("0.009"),
    }


def test_costs_tie_from_classes_up_to_days() -> None:
    rows = [
        log_row(
            f"r{number}",
            prompt_tokens=1000 + number,
            completion_tokens=7 * number,
            startTime=NOON + timedelta(hours=number),
        )
        for number in range(30)
    ]
    result = run(rows)
    lines = exact_sum(
        line.cost_usd for one in result.attempts.values() for line in one.contracted_lines
    )
    interactions = exact_sum(one.contracted_cost_usd for one in result.interactions.values())
    assert lines == result.contracted_cost_usd == interactions
    assert exact_sum(result.daily_cost_usd.values()) == lines


def test_doubled_prices_double_the_cost_and_row_order_changes_nothing() -> None:
    rows = [log_row(f"r{number}", prompt_tokens=999 + number) for number in range(10)]
    single = [price("input_uncached", "3", price_id="x"), price("cache_read", "1")]
    double = [{**row, "unit_price": str(Decimal(row["unit_price"]) * 2)} for row in single]
    base = run(rows, seeds(price_list=single))
    assert run(rows, seeds(price_list=double)).contracted_cost_usd == 2 * base.contracted_cost_usd
    shuffled = run(rows[::-1], seeds(price_list=single[::-1]))
    assert {key: one.contracted_cost_usd for key, one in shuffled.attempts.items()} == {
        key: one.contracted_cost_usd for key, one in base.attempts.items()
    }


# ---------------------------------------------------------------------------
# Ownership and control figures
# ---------------------------------------------------------------------------


def owner(party_id: str, share: str = "1", **changes: Any) -> dict[str, Any]:
    return reference(
        application_id="app", party_role="cost_center", party_id=party_id, share=share, **changes
    )


def test_owner_at_event_time() -> None:
    change = "2026-10-01 00:00:00"
    registry = Registry(
        seeds(
            ownership=[
                owner("2200", valid_until_at=change),
                owner("2250", valid_from_at=change),
            ],
            applications=[reference(application_id="app")],
        )
    )
    assert registry.owners("app", datetime(2026, 9, 30, 23, 59, 59)) == (("2200", Decimal(1)),)
    assert registry.owners("app", datetime(2026, 10, 1)) == (("2250", Decimal(1)),)
    assert registry.owners("bot", NOON) == ((UNOWNED, Decimal(1)),)
    assert registry.is_registered("app", NOON) and not registry.is_registered("bot", NOON)


def test_later_recorded_owner_is_a_correction_and_shares_are_checked() -> None:
    rows = [
        owner("1"),
        owner("2", "0.6", recorded_at="2026-05-01"),
        owner("3", "0.3", recorded_at="2026-05-01"),
    ]
    assert Registry(seeds(ownership=rows)).owners("app", NOON) == (
        ("2", Decimal("0.6")),
        ("3", Decimal("0.3")),
        (UNALLOCATED, Decimal("0.1")),
    )
    known_before = Registry(seeds(ownership=rows), datetime(2026, 4, 1))
    assert known_before.owners("app", NOON) == (("1", Decimal(1)),)
    with pytest.raises(OwnershipOverlap):
        Registry(seeds(ownership=[owner("1"), owner("2")])).owners("app", NOON)


def test_control_figures_by_application_and_month() -> None:
    rows = [
        log_row("a", request_tags='["app:x"]'),
        log_row("b", request_tags='["app:x"]', startTime=datetime(2026, 11, 1)),
        log_row("c", request_tags='["app:x"]', model="unknown", spend=0.5),
    ]
    figures = {figure.usage_month: figure for figure in run(rows).control_figures}
    october = figures[date(2026, 10, 1)]
    assert (october.application_id, october.attempts, october.unpriced_attempts) == ("x", 2, 1)
    assert october.effective_cost_usd == Decimal("0.003")
    assert october.unpriced_exposure_usd == Decimal("0.5")
    assert figures[date(2026, 11, 1)].effective_cost_usd == Decimal("0.003")


# ---------------------------------------------------------------------------
# Files and the command line
# ---------------------------------------------------------------------------


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows through JSON, as a loader would, with timestamps typed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.with_suffix(".json")
    lines.write_text("\n".join(json.dumps(row, default=str) for row in rows), encoding="utf-8")
    types = {name: "VARCHAR" for row in rows for name in row}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, datetime):
                types[name] = "TIMESTAMP"
            elif isinstance(value, int):
                types[name] = "BIGINT"
            elif isinstance(value, float):
                types[name] = "DOUBLE"
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * from read_json('{lines}', format = 'newline_delimited', "
            f"columns = {{{columns}}})) to '{path}' (format parquet)"
        )
    lines.unlink()


def write_seed(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_load_and_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw, seed_path = tmp_path / "raw", tmp_path / "seeds"
    write_parquet(raw / "litellm" / "spend_logs_1.parquet", [log_row("a", messages="secret")])
    write_parquet(raw / "litellm" / "spend_logs_2.parquet", [log_row("a"), log_row("b")])
    write_parquet(
        raw / "otel_genai" / "spans.parquet",
        [span_row(attributes={"gen_ai.response.id": "b"}), span_row("2")],
    )
    write_seed(seed_path / "reference" / "price_list.csv", [price("input_uncached", "3")])
    write_seed(seed_path / "company" / "contract_prices.csv", [price("input_uncached", "2")])
    result = load(raw, seed_path)
    assert result.exact_duplicates == {"litellm": 1, "otel_genai": 0}
    assert result.contracted_cost_usd == Decimal("0.006")
    assert result.list_cost_usd == Decimal("0.009")
    assert len(load(raw, seed_path, ["litellm", "focus"]).attempts) == 2

    out, attempts_out = tmp_path / "out.json", tmp_path / "attempts.csv"
    arguments = ["--raw", str(raw), "--seeds", str(seed_path), "--out", str(out)]
    assert main([*arguments, "--attempts-out", str(attempts_out)]) == 0
    assert capsys.readouterr().out == out.read_text(encoding="utf-8")
    totals = json.loads(out.read_text(encoding="utf-8"))
    assert totals["contracted_cost_usd"] == "0.006000000000"
    assert totals["cost_bearing_attempts"] == 3
    with attempts_out.open(encoding="utf-8") as handle:
        written = list(csv.DictReader(handle))
    assert exact_sum(Decimal(line["contracted_cost_usd"]) for line in written) == Decimal("0.006")


def test_a_missing_required_column_is_an_error(tmp_path: Path) -> None:
    write_parquet(tmp_path / "litellm" / "spend_logs.parquet", [{"request_id": "a"}])
    with pytest.raises(InputError, match="startTime"):
        load(tmp_path, tmp_path)


# ---------------------------------------------------------------------------
# The sample company
# ---------------------------------------------------------------------------

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "sample_data"
SEEDS = REPOSITORY / "seeds"
needs_sample = pytest.mark.skipif(
    not (SAMPLE / "litellm").is_dir() or not (SEEDS / "company" / "contract_prices.csv").is_file(),
    reason="the sample company has not been built",
)

# Effective cost by application in August, September and October: USD, embeddings in EUR.
CONTROL_FIGURES = {
    "claims-intake-agent": ("203.7825", "32.805", "30.132"),
    "claims-large-loss": ("19.53", "17.01", "15.624"),
    "support-chat": ("4.719", "1.17", "1.2732"),
    "kb-search": ("96.72", "93.60", "168.72"),
    "uw-summariser": ("174.00", "247.95", "261.00"),
    "marketing-draft": ("0.4185", "0.405", "0.6385"),
    "hackathon-bot": ("0.0837", "0.081", "0.0837"),
    "fraud-score": ("1.0374", "1.008", "1.0416"),
    "file-bundle": ("0", "158.40", "0"),
}
EMBEDDING_APPLICATIONS = ("policy-search-index", "claims-index")


@pytest.fixture(scope="module")
def sample() -> OracleResult:
    return load(SAMPLE, SEEDS, as_of="2026-11-10 00:00:00")


@needs_sample
def test_sample_company_control_figures(sample: OracleResult) -> None:
    found = {
        (figure.application_id, figure.usage_month.month): figure
        for figure in sample.control_figures
    }
    expected = {
        (application_id, month): Decimal(amount)
        for application_id, amounts in CONTROL_FIGURES.items()
        for month, amount in zip((8, 9, 10), amounts, strict=True)
        if Decimal(amount)
    }
    assert {
        key: figure.effective_cost_usd
        for key, figure in found.items()
        if key[0] not in EMBEDDING_APPLICATIONS
    } == expected
    assert not any(figure.unpriced_attempts for figure in found.values())
    euros = {
        month: exact_sum(
            found[application_id, month].cost_by_currency["EUR"]
            for application_id in EMBEDDING_APPLICATIONS
        )
        for month in (8, 9, 10)
    }
    assert euros == {8: Decimal("75.00"), 9: Decimal("75.00"), 10: Decimal("196.00")}


@needs_sample
def test_sample_company_counts(sample: OracleResult) -> None:
    # One row per call: the four failed primaries live on as reported fallbacks.
    assert len(sample.cost_bearing) == 11_845
    assert sum(not one.is_cost_bearing for one in sample.attempts.values()) == 12
    assert sum(sample.exact_duplicates.values()) == 16
    assert not sample.quarantined and not sample.failures
    fallbacks = [one for one in sample.interactions.values() if one.fallbacks]
    assert [one.contracted_cost_usd for one in fallbacks] == [Decimal("0.018")] * 4
    unowned = [
        one
        for one in sample.cost_bearing
        if sample.registry.owners(one.attempt.application_id, one.attempt.started_at)[0][0]
        == UNOWNED
    ]
    assert len(unowned) == 184
    assert exact_sum(one.contracted_cost_usd for one in unowned) == Decimal("0.2484")


@needs_sample
@pytest.mark.parametrize(
    ("as_of", "calls", "unpriced", "cost"),
    [("2026-10-29", 5, 5, "0"), ("2026-10-31", 10, 0, "0.004")],
)
def test_sample_company_before_and_after_a_price_was_recorded(
    as_of: str, calls: int, unpriced: int, cost: str
) -> None:
    result = load(SAMPLE, SEEDS, as_of=as_of)
    nano = [one for one in result.attempts.values() if one.attempt.model_id == "aurora-nano"]
    assert len(nano) == calls
    assert sum(one.unpriced_reason is not None for one in nano) == unpriced
    assert exact_sum(one.contracted_cost_usd for one in nano) == Decimal(cost)


# ---------------------------------------------------------------------------
# The real log
# ---------------------------------------------------------------------------

REAL_DATA_PATH = os.environ.get("AI_FINOPS_REAL_DATA_PATH")
needs_real_data = pytest.mark.skipif(
    not REAL_DATA_PATH, reason="AI_FINOPS_REAL_DATA_PATH is not set"
)


@pytest.fixture(scope="module")
def real_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real files under the names that a raw folder uses."""
    source = Path(REAL_DATA_PATH or "")
    raw = tmp_path_factory.mktemp("raw")
    (raw / "litellm").mkdir()
    shutil.copyfile(
        source / "litellm_proxy" / "LiteLLM_SpendLogs.parquet",
        raw / "litellm" / "spend_logs.parquet",
    )
    spans = flattened_spans(
        source / "otel_genai" / "client_genai_openai_1.3b0_traces.otlp.jsonl.gz"
    )
    write_parquet(raw / "otel_genai" / "spans.parquet", spans)
    return raw


def flattened_spans(path: Path) -> list[dict[str, Any]]:
    def attributes(items: list[dict[str, Any]]) -> str:
        plain = {}
        for item in items:
            ((kind, value),) = item["value"].items()
            if kind == "arrayValue":
                value = [next(iter(member.values())) for member in value.get("values", [])]
            plain[item["key"]] = value
        return json.dumps(plain)

    rows = []
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        for line in handle:
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        rows.append(
                            {
                                "trace_id": span["traceId"],
                                "span_id": span["spanId"],
                                "parent_span_id": span.get("parentSpanId"),
                                "name": span["name"],
                                "start_time_unix_nano": int(span["startTimeUnixNano"]),
                                "end_time_unix_nano": int(span["endTimeUnixNano"]),
                                "status_code": span.get("status", {}).get("code", 0),
                                "resource_attributes": attributes(
                                    resource["resource"]["attributes"]
                                ),
                                "attributes": attributes(span["attributes"]),
                            }
                        )
    return rows


@needs_real_data
def test_real_log_gives_the_check_numbers(real_raw: Path, tmp_path: Path) -> None:
    result = load(real_raw, tmp_path, ["litellm"])
    attempts = [one.attempt for one in result.attempts.values()]

    def spend(chosen: Any) -> Decimal:
        return exact_sum(one.gateway_reported_cost_usd for one in attempts if chosen(one))

    assert len(attempts) == result.source_rows["litellm"] == 2378
    assert not result.quarantined and not result.exact_duplicates["litellm"]
    assert not result.failures
    assert spend(lambda one: True) == Decimal("7.599759365")
    assert Counter(one.status for one in attempts) == {
        "success": 2238,
        "gateway_rejected": 80,
        "provider_error": 30,
        "blocked": 15,
        "client_cancelled": 15,
    }
    assert Counter(one.attempt_role for one in attempts) == {
        "primary": 2261,
        "fallback": 70,
        "cache_replay": 31,
        "spill": 16,
    }
    assert Counter(one.error_class for one in attempts) == {
        "none": 2238,
        "cancelled": 15,
        "policy_blocked": 46,
        "throttled": 29,
        "provider_5xx": 20,
        "content_filter": 15,
        "client": 15,
    }
    assert Counter(one.usage_source for one in attempts) == {
        "provider": 2253,
        "gateway_estimate": 45,
        "none": 80,
    }
    assert Counter(one.pricing_mode for one in attempts) == {
        "on_demand": 2266,
        "flex": 74,
        "priority": 22,
        "committed_spill": 16,
    }
    assert Counter(one.service_tier_served for one in attempts) == {
        None: 1956,
        "standard": 326,
        "flex": 74,
        "priority": 22,
    }
    assert spend(lambda one: one.status == "client_cancelled") == Decimal("0.015046")
    assert spend(lambda one: one.attempt_role == "spill") == Decimal("0.111425")
    assert spend(lambda one: one.is_gateway_cache_hit) == 0
    fallbacks = [one for one in attempts if one.attempt_role == "fallback"]
    assert Counter(one.model_requested for one in fallbacks) == {"gpt-5.1": 40, "gpt-4o-ptu": 30}
    assert sum(one.retries_reported == 1 and one.is_success for one in attempts) == 40
    assert sum(one.retries_reported == 2 and not one.is_success for one in attempts) == 20
    assert sum(one.retries_reported for one in attempts) == 80
    assert sum(one.is_streamed for one in attempts) == 767
    assert sum(one.provider_response_id is not None for one in attempts) == 2102
    assert sum("SYNTH_INTERACTION" in one.flags for one in attempts) == 1656
    assert sum("REASONING_ABOVE_OUTPUT" in one.flags for one in attempts) == 14
    assert sum(one.cost_center_tag is not None for one in attempts) == 1182
    assert sum(one.component_id is not None for one in attempts) == 321
    assert len({one.interaction_id for one in attempts}) == 1656 + 110 + 45
    assert min(one.started_at for one in attempts) == datetime(2026, 11, 23, 21, 59, 35, 826000)
    assert max(one.ended_at for one in attempts) == datetime(2026, 11, 23, 22, 7, 33, 451000)


@needs_real_data
def test_real_log_token_sums(real_raw: Path, tmp_path: Path) -> None:
    result = load(real_raw, tmp_path, ["litellm"])
    reported = [
        one.attempt for one in result.attempts.values() if one.attempt.usage_source == "provider"
    ]
    totals = {
        name: sum(one.tokens[name] for one in reported)
        for name in ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output")
    }
    assert totals == {
        "input_uncached": 3_415_567,
        "cache_read": 1_960_048,
        "cache_write_5m": 146_216,
        "cache_write_1h": 46_457,
        "output": 393_084,
    }
    assert sum(one.context_tokens for one in reported) == 5_568_288
    assert sum(one.reasoning_tokens for one in reported) == 25_438
    estimated = [
        one.attempt
        for one in result.attempts.values()
        if one.attempt.usage_source == "gateway_estimate"
    ]
    assert sum(one.total_tokens for one in estimated) == 1_353
    # Without any price the exposure is the gateway's own figure, never 0.
    assert result.contracted_cost_usd == 0
    assert result.unpriced_exposure_usd == Decimal("7.599759365")


@needs_real_data
def test_real_client_spans_join_the_log(real_raw: Path, tmp_path: Path) -> None:
    result = load(real_raw, tmp_path)
    spans = [one for one in result.attempts.values() if one.attempt.source_name == "otel_genai"]
    assert len(spans) == result.source_rows["otel_genai"] == 182
    chained = [one for one in spans if not one.is_cost_bearing]
    assert len(chained) == 114
    for one in chained:
        bearer = result.attempts[one.attempt.bearing_attempt_id].attempt
        assert bearer.tokens == one.attempt.tokens
    assert exact_sum(
        result.attempts[one.attempt.bearing_attempt_id].attempt.gateway_reported_cost_usd
        for one in chained
    ) == Decimal("0.408905125")
    direct = [one.attempt for one in spans if one.is_cost_bearing]
    with_usage = [one for one in direct if one.usage_source == "provider"]
    assert (len(direct), len(with_usage)) == (68, 63)
    assert sum(one.context_tokens for one in with_usage) == 159_878
    assert sum(one.tokens["output"] for one in with_usage) == 14_971
    assert sum(one.status == "provider_error" for one in direct) == 5


@needs_real_data
@pytest.mark.skipif(not (SEEDS / "reference" / "price_list.csv").is_file(), reason="no price list")
def test_real_log_at_list_prices_ties_to_the_gateway_call_by_call(real_raw: Path) -> None:
    result = load(real_raw, SEEDS, ["litellm"])
    different = []
    for one in result.attempts.values():
        attempt = one.attempt
        if attempt.provider_id == "hosted_vllm":
            # The gateway logs 0 where it has no price; here that is a missing price.
            assert one.list_cost_usd is None or one.billing_status == "not_billable"
        elif one.list_cost_usd != attempt.gateway_reported_cost_usd:
            different.append(attempt)
    # The gateway charges reasoning above output, and provisioned deployments nothing or less.
    reasons = Counter(
        "reasoning" if "REASONING_ABOVE_OUTPUT" in one.flags else one.deployment_id
        for one in different
    )
    assert reasons.pop("reasoning") == 14
    assert len(reasons) == 1 and sum(reasons.values()) == 174
