"""Committed capacity: what its use costs, and who bears what stays idle.

Amounts are USD as exact fractions; they become cents where a bill is posted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from .read import Row, decimal_of, parse_instant
from .requests import Attempt

HOUR = timedelta(hours=1)
PLATFORM = "platform"
FORECAST_OWNER = "forecast_owner"

Bearer = TypeVar("Bearer", bound=Hashable)


@dataclass(frozen=True)
class Commitment:
    """One purchase of capacity by the hour."""

    commitment_id: str
    pool_id: str
    billing_account_id: str
    provider_id: str
    model_id: str
    starts_at: datetime
    ends_at: datetime
    hour_cost: Fraction
    hour_tokens: Fraction
    output_weight: Fraction
    cache_read_weight: Fraction
    headroom_ratio: Fraction
    is_pooled: bool
    idle_rule: str
    excess_idle_rule: str
    forecast_owner_cost_center_id: str

    def hours(self) -> Iterable[datetime]:
        hour = self.starts_at
        while hour < self.ends_at:
            yield hour
            hour += HOUR

    def weigh(self, attempt: Attempt) -> Fraction:
        """Tokens of a call in terms of plain input tokens."""
        tokens = dict(attempt.tokens)
        output = tokens.pop("output", 0)
        cached = tokens.pop("cache_read", 0)
        return sum(tokens.values()) + self.output_weight * output + self.cache_read_weight * cached


def commitment_of(row: Row) -> Commitment:
    """Typed row. Raises ``InputError`` for capacity that is not sold by the hour."""
    starts_at = parse_instant(row["term_start_at"]) or datetime.min
    ends_at = parse_instant(row["term_end_at"]) or datetime.max
    quantity = Fraction(decimal_of(row, "quantity"))
    upfront = Fraction(decimal_of(row, "upfront_amount_usd"))
    return Commitment(
        commitment_id=row["commitment_id"],
        pool_id=row["pool_id"],
        billing_account_id=row["billing_account_id"],
        provider_id=row["provider_id"],
        model_id=row["model_id"],
        starts_at=starts_at,
        ends_at=ends_at,
        hour_cost=Fraction(decimal_of(row, "unit_price_usd_per_hour")) * quantity
        + upfront / Fraction((ends_at - starts_at) // HOUR),
        hour_tokens=quantity * Fraction(decimal_of(row, "throughput_tokens_per_unit_hour")),
        output_weight=Fraction(decimal_of(row, "output_weight")),
        cache_read_weight=Fraction(decimal_of(row, "cache_read_weight")),
        headroom_ratio=Fraction(decimal_of(row, "headroom_ratio")),
        is_pooled=row["spill_charging"] == "pooled",
        idle_rule=row["idle_rule"],
        excess_idle_rule=row["excess_idle_rule"],
        forecast_owner_cost_center_id=row["forecast_owner_cost_center_id"],
    )


def in_proportion(amount: Fraction, weights: Mapping[Bearer, Fraction]) -> dict[Bearer, Fraction]:
    """Exact shares of an amount; nothing is split where there is no weight."""
    total = sum(weights.values(), Fraction(0))
    if total == 0:
        return {}
    return {bearer: amount * weight / total for bearer, weight in weights.items()}


def used_cost(
    hour_cost: Fraction, hour_tokens: Fraction, served: Mapping[Bearer, Fraction]
) -> Fraction:
    """Cost of what was used of one hour, at the rate of full use."""
    tokens = min(sum(served.values(), Fraction(0)), hour_tokens)
    return hour_cost * tokens / hour_tokens


def charge_hour(
    used: Fraction,
    spilled: Fraction,
    served: Mapping[Bearer, Fraction],
    spill: Mapping[Bearer, Fraction],
    is_pooled: bool,
) -> tuple[dict[Bearer, Fraction], dict[Bearer, Fraction]]:
    """Used and spilled cost of an hour by bearer.

    Who spills in a shared hour is a matter of seconds, so pooled charging splits both costs by
    the whole demand.
    """
    if not is_pooled:
        return in_proportion(used, served), in_proportion(spilled, spill)
    demand: dict[Bearer, Fraction] = defaultdict(Fraction)
    for part in (served, spill):
        for bearer, tokens in part.items():
            demand[bearer] += tokens
    return in_proportion(used, demand), in_proportion(spilled, demand)


def idle_shares(
    commitment: Commitment, idle: Fraction, capacity_cost: Fraction
) -> dict[str, Fraction]:
    """Idle cost of a billing month by who bears it: the platform or the owner of the forecast.

    Raises ``NotImplementedError`` for rules that the sample company does not use.
    """
    if commitment.idle_rule == PLATFORM:
        return {PLATFORM: idle}
    if commitment.idle_rule == FORECAST_OWNER:
        return {FORECAST_OWNER: idle}
    if (commitment.idle_rule, commitment.excess_idle_rule) == ("hybrid_headroom", FORECAST_OWNER):
        headroom = min(idle, commitment.headroom_ratio * capacity_cost)
        return {PLATFORM: headroom, FORECAST_OWNER: idle - headroom}
    raise NotImplementedError(f"idle rule {commitment.idle_rule}")


def as_cents(amount: Fraction) -> Decimal:
    """Exact amount rounded to cents, half away from zero."""
    cents = int(abs(amount) * 100 + Fraction(1, 2))
    return Decimal(cents if amount >= 0 else -cents).scaleb(-2)
