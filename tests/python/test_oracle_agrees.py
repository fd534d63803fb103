"""Every amount of the marts equals that of a second program that shares no code with them."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_DOWN, Decimal, localcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import LOG_SLICE
from dbt_runs import PROJECT, SAMPLE_DATA, DbtRun

from tests.oracle import CONVERT_TOTAL, OracleResult, RatedAttempt, load
from tests.oracle.interactions import Interaction
from tests.oracle.requests import TOKEN_CLASSES

ATTEMPT_COLUMNS = (
    "provider_id", "model_id", "billing_account_id", "interaction_id", "run_id", "step_id",
    "pricing_mode", "attempt_grain", "attempt_role", "status", "error_class", "usage_source",
    "unpriced_reason", "is_cost_bearing", "is_gateway_cache_hit", "is_success",
    "list_cost_usd", "contracted_cost_usd", "effective_cost_usd", "unpriced_exposure_usd",
    "gateway_reported_cost_usd", "context_tokens", "reasoning_tokens", "retries_reported",
    "fallbacks_reported", "started_at",
    *(f"{name}_tokens" for name in TOKEN_CLASSES),
)  # fmt: skip
INTERACTION_COLUMNS = (
    "interaction_date", "attempts", "retries", "fallbacks", "steps", "model_inference_cost_usd",
    "total_cost_usd", "unpriced_exposure_usd", "primary_model_id", "has_price",
    *(f"{name}_tokens" for name in TOKEN_CLASSES),
)  # fmt: skip


def default_sources() -> list[str]:
    """Sources that a plain `dbt build` reads."""
    settings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    return list(settings["vars"]["sources"])


def compute(
    raw_path: Path, sources: list[str], as_of: str | None = None, project: Path = PROJECT
) -> OracleResult:
    """The oracle on the same files and seeds as a build."""
    return load(raw_path, project / "seeds", sources, as_of, graduated_conversion=CONVERT_TOTAL)


@cache
def sample_company() -> OracleResult:
    """The oracle on the sample company, once for all tests of a process."""
    return compute(SAMPLE_DATA, default_sources())


# ---------------------------------------------------------------------------
# The two sides in one shape
# ---------------------------------------------------------------------------


def table(run: DbtRun, name: str, key: str, columns: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Rows of a mart by their key."""
    rows = run.rows(f"select {key}, {', '.join(columns)} from {name}")
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows}


# What the sample company's bills ask for usage that was rated otherwise, as (billed, rated) USD
# of a model, mode and month: the batch price that was corrected later, and euros booked at 1.0850.
Bills = dict[tuple[str, str, str], tuple[Decimal, Decimal]]
BILLED_OTHERWISE: Bills = {
    ("borealis-pro", "batch", "2026-09"): (Decimal("261.00"), Decimal("247.95")),
    ("cirrus-embed", "on_demand", "2026-10"): (Decimal("212.66"), Decimal("211.68")),
}
# The sample company's pool: USD and weighted tokens of one unit-hour.
UNIT_HOUR = (Decimal("2.00"), Decimal(1_200_000))


def in_proportion(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """amount x part / whole, cut to 12 decimals."""
    with localcontext() as context:
        context.prec = 60
        return (amount * part / whole).quantize(Decimal(1).scaleb(-12), rounding=ROUND_DOWN)


def expected_effective(one: RatedAttempt, bills: Bills) -> Decimal | None:
    """What a call costs by the bill: 0 if it bills nothing, its part of committed capacity, or its
    contracted cost in proportion to what the bill asks for."""
    if one.billing_status in ("not_billable", "chained_duplicate"):
        return Decimal(0)
    call = one.attempt
    if call.pricing_mode == "committed":
        tokens = call.tokens
        weighted = (
            Decimal(tokens["input_uncached"])
            + 4 * Decimal(tokens["output"])
            + Decimal("0.25") * Decimal(tokens["cache_read"])
        )
        return in_proportion(UNIT_HOUR[0], weighted, UNIT_HOUR[1])
    billed = bills.get((call.model_id or "", call.pricing_mode, f"{call.started_at:%Y-%m}"))
    if billed and one.contracted_cost_usd is not None:
        return in_proportion(one.contracted_cost_usd, *billed)
    return one.effective_cost_usd


def expected_attempt(one: RatedAttempt, bills: Bills) -> dict[str, Any]:
    call = one.attempt
    values: dict[str, Any] = {
        name: getattr(call, name) for name in ATTEMPT_COLUMNS if hasattr(call, name)
    }
    values.update(
        model_id=call.model_id or "UNKNOWN",
        unpriced_reason=one.unpriced_reason,
        is_cost_bearing=one.is_cost_bearing,
        list_cost_usd=one.list_cost_usd,
        contracted_cost_usd=one.contracted_cost_usd,
        effective_cost_usd=expected_effective(one, bills),
        unpriced_exposure_usd=one.unpriced_exposure_usd,
    )
    values.update({f"{name}_tokens": call.tokens[name] for name in TOKEN_CLASSES})
    return values


def sum_or_none(amounts: list[Decimal | None]) -> Decimal | None:
    """A sum of nothing but unknown amounts is unknown."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def expected_interaction(one: Interaction, result: OracleResult, bills: Bills) -> dict[str, Any]:
    members = [result.attempts[attempt_id] for attempt_id in one.attempt_ids]
    cost = sum_or_none([expected_effective(member, bills) for member in members])
    return {
        "interaction_date": one.interaction_date,
        "attempts": one.attempts,
        "retries": one.retries,
        "fallbacks": one.fallbacks,
        "steps": one.steps,
        "model_inference_cost_usd": cost,
        "total_cost_usd": cost,
        "unpriced_exposure_usd": sum_or_none([member.unpriced_exposure_usd for member in members]),
        "primary_model_id": one.primary_model_id or "UNKNOWN",
        "has_price": one.unpriced_attempts == 0,
        **{f"{name}_tokens": one.tokens[name] for name in TOKEN_CLASSES},
    }


def differences(
    built: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """What differs, by key and column: (built, expected). Decimals are compared exactly."""
    found: dict[str, Any] = {
        key: "only built" if key in built else "only expected"
        for key in built.keys() ^ expected.keys()
    }
    for key in built.keys() & expected.keys():
        unequal = {
            column: (value, expected[key][column])
            for column, value in built[key].items()
            if value != expected[key][column]
        }
        if unequal:
            found[key] = unequal
    return found


def attempt_differences(run: DbtRun, result: OracleResult, bills: Bills) -> dict[str, Any]:
    return differences(
        table(run, "fct_attempts", "attempt_id", ATTEMPT_COLUMNS),
        {key: expected_attempt(one, bills) for key, one in result.attempts.items()},
    )


def interaction_differences(run: DbtRun, result: OracleResult, bills: Bills) -> dict[str, Any]:
    return differences(
        table(run, "fct_interactions", "interaction_id", INTERACTION_COLUMNS),
        {key: expected_interaction(one, result, bills) for key, one in result.interactions.items()},
    )


def price_row_differences(run: DbtRun, result: OracleResult) -> dict[str, Any]:
    """Which price rows priced each token class of each billable attempt, in both programs."""
    built: dict[tuple[str, str, str], set[str]] = {}
    for attempt_id, purpose, token_class, price_row_id in run.rows(
        f"""
        select attempts.attempt_id, card.price_purpose, card.token_class, card.price_row_id
        from fct_attempts as attempts
        inner join dim_price_card_rows as card using (price_id)
        where
            attempts.billing_status = 'billable'
            and card.price_purpose in ('list', 'contracted')
            and case card.token_class
                {" ".join(f"when '{name}' then {name}_tokens > 0" for name in TOKEN_CLASSES)}
                else false
            end
        """
    ):
        built.setdefault((attempt_id, purpose, token_class), set()).add(price_row_id)
    expected: dict[tuple[str, str, str], set[str]] = {}
    for attempt_id, one in result.attempts.items():
        for purpose, price_rows in (
            ("list", one.list_price_row_ids),
            ("contracted", one.price_row_ids),
        ):
            for token_class, ids in price_rows.items():
                if ids:
                    expected[attempt_id, purpose, token_class] = set(ids)
    return {
        str(key): (built.get(key), expected.get(key))
        for key in built.keys() | expected.keys()
        if built.get(key) != expected.get(key)
    }


def assert_agreement(run: DbtRun, result: OracleResult, bills: Bills) -> None:
    """Attempts, interactions, price rows, quarantine and row counts, each exactly.

    `bills` are those of the build's bills that ask for something else than was rated.
    """
    assert result.failures == []
    assert attempt_differences(run, result, bills) == {}
    assert interaction_differences(run, result, bills) == {}
    assert price_row_differences(run, result) == {}
    quarantined = run.rows(
        "select source_record_id, quarantine_reason from rpt_quarantined_records"
    )
    assert Counter(quarantined) == Counter(
        (record.source_record_id, record.reason) for record in result.quarantined
    )
    received = run.rows(
        "select source_name, received_rows, exact_duplicates from rpt_source_freshness"
        " where source_kind = 'requests'"
    )
    assert {name: (rows, copies) for name, rows, copies in received} == {
        name: (rows, result.exact_duplicates[name]) for name, rows in result.source_rows.items()
    }
    total = run.value("select sum(contracted_cost_usd) from fct_attempts")
    assert total == result.contracted_cost_usd


# ---------------------------------------------------------------------------
# Tests
# ---------------------------------------------------------------------------


def test_sample_company(sample_build: DbtRun) -> None:
    result = sample_company()
    assert len(result.attempts) > 8_000
    assert_agreement(sample_build, result, BILLED_OTHERWISE)


def test_slice_of_a_real_log(slice_build: DbtRun) -> None:
    result = compute(LOG_SLICE, ["litellm"])
    assert len(result.attempts) == 185
    assert_agreement(slice_build, result, bills={})


def test_complete_real_log(real_log_build: DbtRun, tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "litellm").mkdir()
    (tmp_path / "litellm" / "spend_logs.parquet").symlink_to(
        real_data / "litellm_proxy" / "LiteLLM_SpendLogs.parquet"
    )
    result = compute(tmp_path, ["litellm"])
    assert len(result.attempts) == 2378
    assert_agreement(real_log_build, result, bills={})


@pytest.mark.parametrize("column", ["contracted_cost_usd", "list_cost_usd"])
def test_daily_costs_add_up_to_the_oracle(sample_build: DbtRun, column: str) -> None:
    result = sample_company()
    built = dict(
        sample_build.rows(
            f"""
            select interaction_id || ' ' || attempt_date, sum({column})
            from fct_attempts where is_cost_bearing group by all having sum({column}) is not null
            """
        )
    )
    expected: dict[str, Decimal] = {}
    for one in result.cost_bearing:
        amount = getattr(one, column)
        if amount is not None:
            key = f"{one.attempt.interaction_id} {one.attempt.started_at.date()}"
            expected[key] = expected.get(key, Decimal(0)) + amount
    assert built == expected
