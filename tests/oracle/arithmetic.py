"""Exact decimal arithmetic for money.

Amounts are USD (or another currency) as ``Decimal``. Nothing here touches a float: a float that
arrives from a file is turned into the decimal its shortest text shows.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from fractions import Fraction
from math import floor
from typing import TypeVar

CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)
ZERO = Decimal(0)
RATED_QUANTUM = Decimal("0.000000000001")
UNALLOCATED = "UNALLOCATED"

Key = TypeVar("Key", bound=Hashable)


def to_decimal(value: object) -> Decimal | None:
    """Decimal of a number or its text; None and blank text stay None.

    Raises ``decimal.InvalidOperation`` for text that is no number.
    """
    if value is None:
        return None
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, int):
        return Decimal(value)
    text = str(value).strip()
    return Decimal(text) if text else None


def round_rated(amount: Decimal) -> Decimal:
    """Round to 12 decimals, half away from zero: the precision of a rated amount."""
    return amount.quantize(RATED_QUANTUM, context=CONTEXT)


def round_places(amount: Decimal, places: int) -> Decimal:
    """Round to ``places`` decimals, half away from zero."""
    return amount.quantize(Decimal(1).scaleb(-places), context=CONTEXT)


def price_of_units(units: int, unit_price: Decimal, unit_quantity: Decimal) -> Decimal:
    """Amount for ``units`` when ``unit_price`` buys ``unit_quantity`` of them, 12 decimals.

    Exact for every price of 6 decimals per 1,000,000 or fewer units that are a power of ten.
    """
    with localcontext(CONTEXT):
        return round_rated(Decimal(units) * unit_price / unit_quantity)


def exact_sum(amounts: Iterable[Decimal | None]) -> Decimal:
    """Sum without rounding; missing amounts add nothing, so count them separately."""
    with localcontext(CONTEXT):
        total = ZERO
        for amount in amounts:
            if amount is not None:
                total += amount
        return total


def floor_rated_share(total: Decimal, units: int, all_units: int) -> Decimal:
    """``total * units / all_units``, rounded down to 12 decimals without intermediate rounding."""
    scaled = Fraction(total) * units * 10**12 / all_units
    return Decimal(floor(scaled)).scaleb(-12, context=CONTEXT)


def split_at_blended_rate(total: Decimal, units_by_key: dict[str, int]) -> dict[str, Decimal]:
    """Split a graduated total over its attempts so that the parts sum to it exactly.

    Each key gets its share rounded down to 12 decimals; what is left goes to the key with most
    units, of equals to the smallest key.
    """
    all_units = sum(units_by_key.values())
    shares = {
        key: floor_rated_share(total, units, all_units) for key, units in units_by_key.items()
    }
    with localcontext(CONTEXT):
        rest = total - exact_sum(shares.values())
        largest = min(units_by_key, key=lambda key: (-units_by_key[key], key))
        shares[largest] += rest
    return shares


def largest_remainder(total: int, weights: Sequence[tuple[Key, int]]) -> dict[Key | str, int]:
    """Split minor units by integer weights; the parts sum to ``total``.

    Ties go to the smaller key. Without any weight the total stays on ``UNALLOCATED``. Negative
    totals are split by magnitude and signed again. Raises ``ValueError`` for a negative weight.
    """
    if any(weight < 0 for _, weight in weights):
        raise ValueError("a weight must not be negative")
    weight_sum = sum(weight for _, weight in weights)
    if weight_sum == 0:
        return {UNALLOCATED: total}
    magnitude = abs(total)
    sign = -1 if total < 0 else 1
    quotients = {key: magnitude * weight // weight_sum for key, weight in weights}
    remainders = sorted(weights, key=lambda item: (-(magnitude * item[1] % weight_sum), item[0]))
    for key, _ in remainders[: magnitude - sum(quotients.values())]:
        quotients[key] += 1
    return {key: sign * part for key, part in quotients.items()}
