"""Committed capacity: amortization, draw-down, charges and the best quantity, hour by hour.

Brute force on purpose: every hour is a Python object, the best quantity is looked for among all
quantities that are sold, and ratios stay fractions until an amount is cut off at 12 decimals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

from .arithmetic import CONTEXT, ZERO, exact_sum, largest_remainder, round_places, to_decimal
from .read import Row, parse_instant

HOUR = timedelta(hours=1)
UTC = ZoneInfo("UTC")
PLATFORM_DEFAULT = "UNALLOCATED"
PARTS = 10**12

SERVED, SPILLED, THROTTLED = "served", "spilled", "throttled"
USED, IDLE, SPILL = "used", "idle", "spill"

ChargeKey = tuple[str, str | None, str]


@dataclass(frozen=True)
class Call:
    """A call of a pool: what it asked for and what it would cost on demand."""

    started_at: datetime
    application_id: str
    cost_center_id: str
    kind: str
    weighted_tokens: Decimal
    on_demand_usd: Decimal = ZERO

    @property
    def hour(self) -> datetime:
        return self.started_at.replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Commitment:
    """A purchase of capacity by the hour."""

    commitment_id: str
    quantity: Decimal
    unit_price: Decimal | None
    total_price: Decimal
    starts_at: datetime
    ends_at: datetime
    tokens_per_unit: int
    output_weight: Decimal
    cache_read_weight: Decimal
    minimum_units: Decimal
    increment_units: Decimal
    headroom: Decimal
    spill_charging: str
    idle_rule: str
    excess_rule: str
    owner: str

    @classmethod
    def of(cls, row: Row) -> Commitment:
        """The commitment of a seed row."""

        def number(name: str) -> Decimal:
            return to_decimal(row[name]) or ZERO

        return cls(
            commitment_id=row["commitment_id"],
            quantity=number("quantity"),
            unit_price=to_decimal(row["unit_price_usd_per_hour"]),
            total_price=number("total_price_usd"),
            starts_at=parse_instant(row["term_start_at"]),
            ends_at=parse_instant(row["term_end_at"]),
            tokens_per_unit=int(number("throughput_tokens_per_unit_hour")),
            output_weight=number("output_weight"),
            cache_read_weight=number("cache_read_weight"),
            minimum_units=number("minimum_units"),
            increment_units=number("increment_units"),
            headroom=number("headroom_ratio"),
            spill_charging=row["spill_charging"],
            idle_rule=row["idle_rule"],
            excess_rule=row["excess_idle_rule"],
            owner=row["forecast_owner_cost_center_id"],
        )

    @property
    def hours(self) -> list[datetime]:
        count = int((self.ends_at - self.starts_at) / HOUR)
        return [self.starts_at + number * HOUR for number in range(count)]


def cut(amount: Fraction) -> Decimal:
    """A fraction, rounded down to 12 decimals."""
    return Decimal(floor(amount * PARTS)).scaleb(-12, context=CONTEXT)


def in_parts(amount: Decimal) -> int:
    """An amount of at most 12 decimals in whole units of the last one."""
    return int(amount.scaleb(12, context=CONTEXT))


def billing_date(hour: datetime, zone: str) -> date:
    """The date of an hour's start on the clock of a time zone."""
    return hour.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def hourly_costs(commitment: Commitment, zone: str) -> dict[datetime, Decimal]:
    """What each hour of a term costs; the sum is the total price."""
    by_date: dict[date, list[datetime]] = defaultdict(list)
    for hour in commitment.hours:
        by_date[billing_date(hour, zone)].append(hour)
    with localcontext(CONTEXT):
        per_hour = (commitment.unit_price or ZERO) * commitment.quantity
        spread = commitment.total_price - per_hour * len(commitment.hours)
        cents = floor(spread * 100)
        below_the_cent = spread - Decimal(cents) / 100
    dates = sorted(by_date)
    split = largest_remainder(cents, [(day, len(by_date[day])) for day in dates])
    costs: dict[datetime, Decimal] = {}
    for number, day in enumerate(dates):
        with localcontext(CONTEXT):
            of_date = Decimal(split[day]) / 100 + (below_the_cent if number == 0 else ZERO)
        hours = sorted(by_date[day])
        parts = largest_remainder(in_parts(of_date), [(hour, 1) for hour in hours])
        for hour in hours:
            with localcontext(CONTEXT):
                costs[hour] = per_hour + Decimal(parts[hour]).scaleb(-12)
    return costs


@dataclass
class PoolHour:
    """An hour of a pool with its demand."""

    hour: datetime
    units: Decimal = ZERO
    tokens: Decimal = ZERO
    cost: Decimal = ZERO
    headroom: Decimal = ZERO
    reserved: dict[str, Decimal] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def asked(self, *kinds: str) -> Decimal:
        return exact_sum(call.weighted_tokens for call in self.calls if call.kind in kinds)

    @property
    def used_tokens(self) -> Decimal:
        return min(self.asked(SERVED), self.tokens)

    @property
    def used_units(self) -> Decimal:
        return cut(Fraction(self.units) * Fraction(self.used_tokens) / Fraction(self.tokens))

    @property
    def used_cost(self) -> Decimal:
        return cut(Fraction(self.cost) * Fraction(self.used_tokens) / Fraction(self.tokens))

    @property
    def unused_cost(self) -> Decimal:
        return exact_sum((self.cost, -self.used_cost))

    @property
    def spill_cost(self) -> Decimal:
        return exact_sum(call.on_demand_usd for call in self.calls if call.kind == SPILLED)


def pool_hours(
    commitments: Sequence[Commitment],
    calls: Iterable[Call],
    zone: str = "UTC",
    reservations: Mapping[str, Mapping[str, Decimal]] | None = None,
) -> list[PoolHour]:
    """All hours of a pool; `reservations` holds shares by cost center for each commitment."""
    hours: dict[datetime, PoolHour] = {}
    for commitment in commitments:
        for hour, cost in hourly_costs(commitment, zone).items():
            one = hours.setdefault(hour, PoolHour(hour))
            bought = commitment.quantity * commitment.tokens_per_unit
            with localcontext(CONTEXT):
                one.units += commitment.quantity
                one.tokens += bought
                one.cost += cost
                one.headroom += round_places(cost * commitment.headroom, 12)
            for owner, share in (reservations or {}).get(commitment.commitment_id, {}).items():
                one.reserved[owner] = one.reserved.get(owner, ZERO) + share * bought
    for call in calls:
        if call.hour in hours:
            hours[call.hour].calls.append(call)
    return [hours[hour] for hour in sorted(hours)]


def shares_of_hour(one: PoolHour, charging: str) -> dict[ChargeKey, Decimal]:
    """Used and spilled cost of an hour by user."""
    weights: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    shares: dict[ChargeKey, Decimal] = defaultdict(lambda: ZERO)
    for call in one.calls:
        if call.kind == SERVED or (call.kind == SPILLED and charging == "pooled"):
            weights[call.application_id, call.cost_center_id] += call.weighted_tokens
        if call.kind == SPILLED and charging != "pooled":
            shares[SPILL, call.application_id, call.cost_center_id] += call.on_demand_usd
    whole = [(key, in_parts(weight)) for key, weight in sorted(weights.items())]
    if sum(weight for _, weight in whole) == 0:
        return shares
    for kind, total in ((USED, one.used_cost), (SPILL, one.spill_cost)):
        if kind == SPILL and charging != "pooled":
            continue
        for (application, owner), parts in largest_remainder(in_parts(total), whole).items():
            shares[kind, application, owner] += Decimal(parts).scaleb(-12)
    return shares


def in_cents(total: Decimal, weights: Sequence[tuple[object, int]]) -> dict[object, Decimal]:
    """A total split in cents; what is left below the cent goes to the largest weight."""
    cents = floor(total * 100)
    with localcontext(CONTEXT):
        rest = total - Decimal(cents) / 100
    parts = largest_remainder(cents, weights)
    split = {key: Decimal(part) / 100 for key, part in parts.items()}
    largest = min(weights, key=lambda item: (-item[1], item[0]))[0]
    with localcontext(CONTEXT):
        split[largest] += rest
    return split


def idle_by_shortfall(hours: Iterable[PoolHour]) -> dict[str, int]:
    """Idle parts that fall on unused reservations, hour by hour."""
    found: dict[str, int] = defaultdict(int)
    for one in hours:
        served: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for call in one.calls:
            if call.kind == SERVED:
                served[call.cost_center_id] += call.weighted_tokens
        weights = [
            (owner, floor(max(ZERO, reserved - served[owner]) * 10**6))
            for owner, reserved in sorted(one.reserved.items())
        ]
        if one.unused_cost > 0 and sum(weight for _, weight in weights) > 0:
            for owner, parts in largest_remainder(in_parts(one.unused_cost), weights).items():
                found[owner] += parts
    return dict(found)


def charges_of_month(
    hours: Sequence[PoolHour], terms: Commitment, platform: str = PLATFORM_DEFAULT
) -> dict[ChargeKey, Decimal]:
    """Who bears one month of a pool: (charge type, application, cost center) -> USD.

    `terms` is the commitment whose rules hold and whose owner forecast the units.
    """
    exact: dict[ChargeKey, Decimal] = defaultdict(lambda: ZERO)
    for one in hours:
        for key, amount in shares_of_hour(one, terms.spill_charging).items():
            with localcontext(CONTEXT):
                exact[key] += amount
    charges = {key: amount for key, amount in exact.items() if key[0] == SPILL and amount}
    used = {key: in_parts(amount) for key, amount in sorted(exact.items()) if key[0] == USED}
    used_cents: dict[str, int] = defaultdict(int)
    if sum(used.values()):
        total = exact_sum(one.used_cost for one in hours)
        for key, amount in in_cents(total, list(used.items())).items():
            charges[key] = amount
        for key, cents in largest_remainder(floor(total * 100), list(used.items())).items():
            used_cents[key[2]] += cents
    unused = exact_sum(one.unused_cost for one in hours)
    retained, rule = ZERO, terms.idle_rule
    if rule == "platform":
        retained = unused
    elif rule == "hybrid_headroom":
        headroom = round_places(exact_sum(one.headroom for one in hours), 2)
        retained, rule = min(unused, headroom), terms.excess_rule
    weights = {
        "usage_prorata": dict(used_cents),
        "reservation_shortfall": idle_by_shortfall(hours),
    }.get(rule, {})
    if sum(weights.values()) == 0:
        weights = {terms.owner: 1}
    charges_idle: dict[str, Decimal] = defaultdict(lambda: ZERO)
    charges_idle[platform] += retained
    excess = exact_sum((unused, -retained))
    for owner, amount in in_cents(excess, sorted(weights.items())).items():
        charges_idle[owner] += amount
    charges.update({(IDLE, None, owner): amount for owner, amount in charges_idle.items()})
    return {key: amount for key, amount in charges.items() if amount}


@dataclass(frozen=True)
class Choice:
    """The best quantity beside the one that was bought."""

    best_quantity: Decimal
    best_cost: Fraction
    bought_cost: Fraction
    on_demand_cost: Decimal


def best_choice(hours: Sequence[PoolHour], terms: Commitment) -> Choice:
    """The cheapest of all quantities that are sold, 0 and the one that was bought."""
    demand = [Fraction(one.asked(SERVED, SPILLED)) / terms.tokens_per_unit for one in hours]
    capacity_cost = Fraction(exact_sum(one.cost for one in hours))
    unit_cost = capacity_cost / Fraction(exact_sum(one.units for one in hours))
    on_demand = exact_sum(
        call.on_demand_usd for one in hours for call in one.calls if call.kind != THROTTLED
    )
    value = Fraction(on_demand) / sum(demand) if sum(demand) else Fraction(0)

    def cost(quantity: Fraction) -> Fraction:
        unserved = sum((max(Fraction(0), asked - quantity) for asked in demand), Fraction(0))
        return len(hours) * quantity * unit_cost + unserved * value

    minimum, step = Fraction(terms.minimum_units), Fraction(terms.increment_units)
    steps = max(0, ceil((max(demand) - minimum) / step)) + 1
    sold = {Fraction(0), *(minimum + number * step for number in range(steps + 1))}
    units = {one.units for one in hours}
    if len(units) == 1:
        sold.add(Fraction(next(iter(units))))
    best = min(sold, key=lambda quantity: (cost(quantity), quantity))
    bought = capacity_cost + sum(
        max(Fraction(0), asked - Fraction(one.units)) * value
        for asked, one in zip(demand, hours, strict=True)
    )
    return Choice(
        Decimal(best.numerator) / Decimal(best.denominator), cost(best), bought, on_demand
    )
