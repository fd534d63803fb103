"""Billed against rated: which part of a difference has which reason.

The functions take plain numbers, so that the worked examples of the rules can be put in as they
are printed. Amounts are in the account's currency until ``in_usd`` converts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from .arithmetic import CONTEXT, ZERO, exact_sum

CENT = Decimal("0.01")
UNEXPLAINED_LIMIT_RATIO = Decimal("0.01")
UNEXPLAINED_LIMIT_USD = Decimal(25)
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)
WEEKS_OF_EVIDENCE = 3


@dataclass(frozen=True)
class Parts:
    """A difference by reason, in the order in which the reasons are taken off."""

    timing: Decimal = ZERO
    duplicates: Decimal = ZERO
    bypass: Decimal = ZERO
    missing_telemetry: Decimal = ZERO
    unexplained_quantity: Decimal = ZERO
    price: Decimal = ZERO
    fixed_fee: Decimal = ZERO
    credit: Decimal = ZERO
    fx: Decimal = ZERO
    tax: Decimal = ZERO
    rounding: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return exact_sum(getattr(self, field.name) for field in fields(self))

    def __add__(self, other: Parts) -> Parts:
        with localcontext(CONTEXT):
            return Parts(
                *(getattr(self, one.name) + getattr(other, one.name) for one in fields(self))
            )

    def times(self, factor: Decimal) -> Parts:
        with localcontext(CONTEXT):
            return Parts(*(getattr(self, one.name) * factor for one in fields(self)))


@dataclass(frozen=True)
class Bucket:
    """One stretch of a bill, for one model, class of tokens and pricing mode.

    ``rated`` and ``rated_units`` are the telemetry of the same stretch. ``gateway`` is what the
    bill has for projects that use a gateway, ``bypass`` what it has for others. Units are None
    where the bill counts none. ``card_price`` is per unit, None when no price is flat.
    """

    rated: Decimal
    rated_units: Decimal
    gateway: Decimal
    gateway_units: Decimal | None
    bypass: Decimal = ZERO
    bypass_units: Decimal | None = ZERO
    card_price: Decimal | None = None
    is_silent: bool = False

    @property
    def unit_price(self) -> Decimal | None:
        """Price of the card; where that is not flat, what the telemetry paid on average."""
        if self.card_price is not None:
            return self.card_price
        if self.rated_units == 0:
            return None
        with localcontext(CONTEXT):
            return self.rated / self.rated_units


def classify(bucket: Bucket) -> Parts:
    """Quantity by reason at the card's price; what is left of the amount is price.

    Without quantities nobody can tell quantity from price, and everything is quantity.
    """
    with localcontext(CONTEXT):
        price = bucket.unit_price
        difference = bucket.gateway + bucket.bypass - bucket.rated
        is_counted = bucket.gateway_units is not None and bucket.bypass_units is not None
        if not is_counted or (price is None and difference != 0):
            bypass = bucket.bypass
            quantity = bucket.gateway - bucket.rated
            of_price = ZERO
        else:
            bypass = bucket.bypass_units * (price or ZERO)
            quantity = (bucket.gateway_units - bucket.rated_units) * (price or ZERO)
            of_price = difference - bypass - quantity
    # Silence explains calls that nobody saw; it does not explain seen calls that nobody billed.
    if bucket.is_silent and quantity > 0:
        return Parts(bypass=bypass, missing_telemetry=quantity, price=of_price)
    return Parts(bypass=bypass, unexplained_quantity=quantity, price=of_price)


def price_or_rounding(parts: Parts, amounts: Iterable[Decimal]) -> Parts:
    """Calls a price difference rounding when whole cents on every line suffice to explain it."""
    amounts = list(amounts)
    is_in_cents = all(amount == amount.quantize(CENT) for amount in amounts)
    if not is_in_cents or abs(parts.price) > CENT * len(amounts):
        return parts
    with localcontext(CONTEXT):
        return parts + Parts(price=-parts.price, rounding=parts.price)


def in_usd(parts: Parts, rated: Decimal, rated_usd: Decimal, booked_rate: Decimal) -> Parts:
    """Local parts at the booked rate; ``rated`` between its month rate and the booked one is FX."""
    with localcontext(CONTEXT):
        return parts.times(booked_rate) + Parts(fx=rated * booked_rate - rated_usd)


def is_above_tolerance(unexplained_usd: Decimal, invoiced_usd: Decimal) -> bool:
    """Whether too much of an account's month is unexplained to be spread over anybody."""
    limit = max(abs(invoiced_usd) * UNEXPLAINED_LIMIT_RATIO, UNEXPLAINED_LIMIT_USD)
    return abs(unexplained_usd) > limit


class Silence:
    """Hours in which a source that is always there at that time of the week said nothing."""

    def __init__(self, emitted: Mapping[str, set[datetime]]) -> None:
        self._emitted = emitted

    def is_silent(self, source_name: str, hour: datetime) -> bool:
        emitted = self._emitted.get(source_name, set())
        return hour not in emitted and all(
            hour - weeks * WEEK in emitted for weeks in range(1, WEEKS_OF_EVIDENCE + 1)
        )

    def overlaps(self, source_names: Iterable[str], starts_at: datetime, ends_at: datetime) -> bool:
        """True when one of the sources has a silent hour between the two instants."""
        source_names = list(source_names)
        hour = hour_of(starts_at)
        while hour < ends_at:
            if any(self.is_silent(source_name, hour) for source_name in source_names):
                return True
            hour += HOUR
        return False


def hour_of(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
