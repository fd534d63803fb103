"""Rating: tokens and dated price rows to list and contracted cost.

Every amount is a ``Decimal`` of 12 decimals. A class without a price leaves the attempt without a
cost: it never becomes 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, localcontext

from .arithmetic import (
    CONTEXT,
    ZERO,
    exact_sum,
    price_of_units,
    round_rated,
    split_at_blended_rate,
)
from .read import InputError, Row, Seeds, decimal_of, parse_instant, recorded
from .requests import Attempt, Quarantined

REPORTING_CURRENCY = "USD"
ANY = "*"
LIST = "list"
CONTRACT = "contract"

NO_USAGE = "no_usage"
UNKNOWN_MODEL = "unknown_model"
NO_PRICE = "no_price"
NO_FX_RATE = "no_fx_rate"

# Records refused for these hold no usable counts or instant.
UNRATEABLE_REASONS = {
    "TOKEN_NEGATIVE",
    "TOKEN_NEGATIVE_NET",
    "TOKEN_PARSE",
    "TOKEN_CONVENTION_UNKNOWN",
    "TS_RANGE",
}

# A graduated total in another currency is split over its attempts either before or after it is
# converted; the two differ in the last decimals.
CONVERT_EACH = "convert_each"
CONVERT_TOTAL = "convert_total"


class PriceTie(Exception):
    """Two price rows that are equally good for one attempt and class."""


@dataclass(frozen=True)
class PriceRow:
    """One price: ``unit_price`` in ``currency`` buys ``unit_quantity`` units."""

    kind: str
    price_id: str
    provider_id: str
    model_id: str
    billing_account_id: str
    region_id: str
    pricing_mode: str
    token_class: str
    context_from_tokens: int | None
    context_until_tokens: int | None
    volume_from_units: int | None
    volume_until_units: int | None
    unit_price: Decimal
    unit_quantity: Decimal
    currency: str
    valid_from_at: datetime
    valid_until_at: datetime
    recorded_at: datetime

    @property
    def has_volume_band(self) -> bool:
        return self.volume_from_units is not None or self.volume_until_units is not None

    def fits_account(self, billing_account_id: str | None) -> bool:
        return self.billing_account_id in (ANY, billing_account_id)

    def fits_region(self, region_id: str | None) -> bool:
        return self.region_id in (ANY, region_id)

    def fits_time(self, at: datetime) -> bool:
        return self.valid_from_at <= at < self.valid_until_at

    def fits_context(self, context_tokens: int) -> bool:
        above = self.context_from_tokens is None or context_tokens >= self.context_from_tokens
        below = self.context_until_tokens is None or context_tokens < self.context_until_tokens
        return above and below

    def overlaps_volume(self, other: PriceRow) -> bool:
        """True when the two half-open volume bands share a unit."""
        starts = max(self.volume_from_units or 0, other.volume_from_units or 0)
        ends = [
            end for end in (self.volume_until_units, other.volume_until_units) if end is not None
        ]
        return not ends or starts < min(ends)

    def cost(self, units: int) -> Decimal:
        """Amount in the row's currency."""
        return price_of_units(units, self.unit_price, self.unit_quantity)


def _whole(row: Row, column: str) -> int | None:
    text = row.get(column)
    return int(text) if text is not None else None


def price_row(row: Row, kind: str) -> PriceRow:
    """Typed price row. Raises ``InputError`` for a blank price or an unreadable window."""
    valid_from_at = parse_instant(row.get("valid_from_at"))
    if valid_from_at is None:
        raise InputError(f"price {row.get('price_id')} has no start")
    return PriceRow(
        kind=kind,
        price_id=row["price_id"],
        provider_id=row["provider_id"],
        model_id=row["model_id"],
        billing_account_id=row.get("billing_account_id") or ANY,
        region_id=row.get("region_id") or ANY,
        pricing_mode=row["pricing_mode"],
        token_class=row["token_class"],
        context_from_tokens=_whole(row, "context_from_tokens"),
        context_until_tokens=_whole(row, "context_until_tokens"),
        volume_from_units=_whole(row, "volume_from_units"),
        volume_until_units=_whole(row, "volume_until_units"),
        unit_price=decimal_of(row, "unit_price"),
        unit_quantity=decimal_of(row, "unit_quantity"),
        currency=row.get("currency") or REPORTING_CURRENCY,
        valid_from_at=valid_from_at,
        valid_until_at=parse_instant(row.get("valid_until_at")) or datetime.max,
        recorded_at=recorded(row),
    )


@dataclass(frozen=True)
class RatedLine:
    """One token class of one attempt: units, price rows and amounts."""

    token_class: str
    units: int
    price_row_ids: tuple[str, ...]
    currency: str | None
    cost_in_currency: Decimal | None
    cost_usd: Decimal | None


@dataclass(frozen=True)
class RatedAttempt:
    """An attempt with its money. Costs are USD; None means unknown, never zero."""

    attempt: Attempt
    billing_status: str
    list_cost_usd: Decimal | None
    contracted_cost_usd: Decimal | None
    unpriced_reason: str | None
    unpriced_exposure_usd: Decimal | None
    list_lines: tuple[RatedLine, ...] = ()
    contracted_lines: tuple[RatedLine, ...] = ()

    @property
    def is_cost_bearing(self) -> bool:
        return self.attempt.is_cost_bearing

    @property
    def effective_cost_usd(self) -> Decimal | None:
        """Contracted cost; None for committed use, whose cost follows from the commitment."""
        if self.attempt.pricing_mode == "committed":
            return None
        return self.contracted_cost_usd

    @property
    def price_row_ids(self) -> dict[str, tuple[str, ...]]:
        """Price rows of the contracted cost by token class."""
        return {line.token_class: line.price_row_ids for line in self.contracted_lines}

    @property
    def list_price_row_ids(self) -> dict[str, tuple[str, ...]]:
        return {line.token_class: line.price_row_ids for line in self.list_lines}

    @property
    def cost_by_currency(self) -> dict[str, Decimal]:
        """Contracted cost before conversion."""
        totals: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for line in self.contracted_lines:
            if line.currency is not None and line.cost_in_currency is not None:
                totals[line.currency] = exact_sum((totals[line.currency], line.cost_in_currency))
        return dict(totals)


class PriceBook:
    """Price rows known at one knowledge time."""

    def __init__(self, seeds: Seeds, as_of: datetime | None) -> None:
        rows = [price_row(row, LIST) for row in seeds.known("price_list", as_of)]
        rows += [price_row(row, CONTRACT) for row in seeds.known("contract_prices", as_of)]
        self._models = {(row.provider_id, row.model_id) for row in rows}
        self._rows: dict[tuple[str, str, str, str], list[PriceRow]] = defaultdict(list)
        for row in rows:
            self._rows[row.provider_id, row.model_id, row.pricing_mode, row.token_class].append(row)

    def knows_model(self, attempt: Attempt) -> bool:
        return (attempt.provider_id, attempt.model_id) in self._models

    def _candidates(self, attempt: Attempt, token_class: str) -> list[PriceRow]:
        key = (
            attempt.provider_id or "",
            attempt.model_id or "",
            attempt.lookup_mode,
            token_class,
        )
        return [
            row
            for row in self._rows.get(key, [])
            if row.fits_account(attempt.billing_account_id) and row.fits_region(attempt.region_id)
        ]

    def winners(
        self, attempt: Attempt, token_class: str, kinds: tuple[str, ...]
    ) -> tuple[PriceRow, ...]:
        """The one row that prices the class, or the volume bands that do so together.

        Empty when nothing covers the attempt. Raises ``PriceTie`` when two rows are equally good.
        """
        fitting = [
            row
            for row in self._candidates(attempt, token_class)
            if row.kind in kinds
            and row.fits_time(attempt.started_at)
            and row.fits_context(attempt.context_tokens)
        ]
        if not fitting:
            return ()
        best = max(_specificity(row) for row in fitting)
        finalists = sorted(
            (row for row in fitting if _specificity(row) == best),
            key=lambda row: row.recorded_at,
            reverse=True,
        )
        latest = [row for row in finalists if row.recorded_at == finalists[0].recorded_at]
        if not all(row.has_volume_band for row in latest):
            if len(latest) > 1:
                raise PriceTie(_tie_text(attempt, token_class, latest))
            return (latest[0],)
        bands: list[PriceRow] = []
        for row in finalists:
            if not row.has_volume_band:
                break
            overlapping = [band for band in bands if band.overlaps_volume(row)]
            if any(band.recorded_at == row.recorded_at for band in overlapping):
                raise PriceTie(_tie_text(attempt, token_class, [row, *overlapping]))
            if not overlapping:
                bands.append(row)
        return tuple(sorted(bands, key=lambda band: band.volume_from_units or 0))

    def nearest_earlier(self, attempt: Attempt, token_class: str) -> PriceRow | None:
        """The price that started last at or before the attempt, whether or not it still holds."""
        earlier = [
            row
            for row in self._candidates(attempt, token_class)
            if row.valid_from_at <= attempt.started_at
        ]
        if not earlier:
            return None
        return max(
            earlier,
            key=lambda row: (
                row.valid_from_at,
                row.fits_context(attempt.context_tokens),
                _specificity(row),
                row.recorded_at,
                -(row.volume_from_units or 0),
                row.price_id,
            ),
        )


def _specificity(row: PriceRow) -> tuple[bool, bool, bool]:
    return row.kind == CONTRACT, row.billing_account_id != ANY, row.region_id != ANY


def _tie_text(attempt: Attempt, token_class: str, rows: Iterable[PriceRow]) -> str:
    names = ", ".join(sorted(row.price_id for row in rows))
    return f"{token_class} of attempt {attempt.attempt_id} has equally good prices: {names}"


class ExchangeRates:
    """Month rates to the reporting currency known at one knowledge time."""

    def __init__(self, seeds: Seeds, as_of: datetime | None) -> None:
        self._rates: dict[tuple[str, date], tuple[datetime, Decimal]] = {}
        for row in seeds.known("fx_rates", as_of):
            if row["rate_type"] != "month_avg" or row["to_currency"] != REPORTING_CURRENCY:
                continue
            rate_date = parse_instant(row["rate_date"])
            if rate_date is None:
                raise InputError(f"rate without a date: {row}")
            key = (row["from_currency"], rate_date.date().replace(day=1))
            entry = (recorded(row), decimal_of(row, "rate"))
            if key not in self._rates or entry[0] > self._rates[key][0]:
                self._rates[key] = entry

    def to_usd(self, amount: Decimal, currency: str, at: datetime) -> Decimal | None:
        """USD at the month's rate, 12 decimals; None when the month has no rate."""
        if currency == REPORTING_CURRENCY:
            return amount
        entry = self._rates.get((currency, at.date().replace(day=1)))
        if entry is None:
            return None
        with localcontext(CONTEXT):
            return round_rated(amount * entry[1])


def graduated_total(units: int, bands: Iterable[PriceRow]) -> Decimal | None:
    """Amount in currency for a month's units; None when a unit lies in no band."""
    total = ZERO
    covered = 0
    for band in bands:
        start = band.volume_from_units or 0
        end = units if band.volume_until_units is None else min(units, band.volume_until_units)
        inside = max(0, end - start)
        covered += inside
        total = exact_sum((total, band.cost(inside)))
    return total if covered == units else None


@dataclass
class _Group:
    """Usage of one month that climbs one set of volume bands together."""

    bands: tuple[PriceRow, ...]
    at: datetime
    units: dict[str, int] = field(default_factory=dict)


class Rater:
    """Rates attempts with the reference rows known at one knowledge time."""

    def __init__(
        self,
        seeds: Seeds,
        as_of: datetime | None = None,
        graduated_conversion: str = CONVERT_EACH,
    ) -> None:
        self.prices = PriceBook(seeds, as_of)
        self.exchange_rates = ExchangeRates(seeds, as_of)
        self.graduated_conversion = graduated_conversion

    def rate(self, attempts: Iterable[Attempt]) -> dict[str, RatedAttempt]:
        """Rate all attempts of the period together, as graduated volume needs them all."""
        attempts = list(attempts)
        to_rate = [attempt for attempt in attempts if billing_status(attempt) == "billable"]
        contracted = self._lines(to_rate, (LIST, CONTRACT))
        listed = self._lines(to_rate, (LIST,))
        return {
            attempt.attempt_id: self._rated(
                attempt,
                listed.get(attempt.attempt_id, ()),
                contracted.get(attempt.attempt_id, ()),
            )
            for attempt in attempts
        }

    def estimate(self, record: Quarantined) -> Decimal | None:
        """USD a refused record may stand for: rated alone if it can be, else the gateway's cost."""
        attempt = record.attempt
        if attempt is not None and UNRATEABLE_REASONS.isdisjoint(record.reasons):
            rated = self.rate([replace(attempt, is_cost_bearing=True)])[attempt.attempt_id]
            if rated.contracted_cost_usd is not None:
                return rated.contracted_cost_usd
            return rated.unpriced_exposure_usd
        return _positive(record.gateway_reported_cost_usd)

    def _lines(
        self, attempts: list[Attempt], kinds: tuple[str, ...]
    ) -> dict[str, tuple[RatedLine, ...]]:
        lines: dict[tuple[str, str], RatedLine] = {}
        groups: dict[tuple[object, ...], _Group] = {}
        for attempt in attempts:
            for token_class, units in attempt.tokens.items():
                if units <= 0:
                    continue
                rows = self.prices.winners(attempt, token_class, kinds)
                key = (attempt.attempt_id, token_class)
                if rows and rows[0].has_volume_band:
                    group_key = (
                        attempt.billing_account_id,
                        attempt.provider_id,
                        attempt.model_id,
                        attempt.lookup_mode,
                        token_class,
                        attempt.started_at.date().replace(day=1),
                        tuple(row.price_id for row in rows),
                    )
                    group = groups.setdefault(group_key, _Group(rows, attempt.started_at))
                    group.units[attempt.attempt_id] = units
                    lines[key] = RatedLine(token_class, units, (), None, None, None)
                elif rows:
                    row = rows[0]
                    lines[key] = self._line(
                        token_class,
                        units,
                        (row.price_id,),
                        row.currency,
                        row.cost(units),
                        attempt.started_at,
                    )
                else:
                    lines[key] = RatedLine(token_class, units, (), None, None, None)
        for group_key, group in groups.items():
            self._settle_group(str(group_key[4]), group, lines)
        by_attempt: dict[str, list[RatedLine]] = defaultdict(list)
        for (attempt_id, _), line in lines.items():
            by_attempt[attempt_id].append(line)
        return {attempt_id: tuple(found) for attempt_id, found in by_attempt.items()}

    def _line(
        self,
        token_class: str,
        units: int,
        price_row_ids: tuple[str, ...],
        currency: str,
        amount: Decimal,
        at: datetime,
    ) -> RatedLine:
        return RatedLine(
            token_class,
            units,
            price_row_ids,
            currency,
            amount,
            self.exchange_rates.to_usd(amount, currency, at),
        )

    def _settle_group(
        self, token_class: str, group: _Group, lines: dict[tuple[str, str], RatedLine]
    ) -> None:
        currencies = {band.currency for band in group.bands}
        if len(currencies) > 1:
            raise InputError(f"volume bands of {len(currencies)} currencies: {group.bands}")
        currency = currencies.pop()
        total = graduated_total(sum(group.units.values()), group.bands)
        if total is None:
            return
        shares = split_at_blended_rate(total, group.units)
        total_usd = self.exchange_rates.to_usd(total, currency, group.at)
        shares_usd: dict[str, Decimal] = {}
        if self.graduated_conversion == CONVERT_TOTAL and total_usd is not None:
            shares_usd = split_at_blended_rate(total_usd, group.units)
        price_row_ids = tuple(band.price_id for band in group.bands)
        for attempt_id, units in group.units.items():
            line = self._line(
                token_class, units, price_row_ids, currency, shares[attempt_id], group.at
            )
            if attempt_id in shares_usd:
                line = replace(line, cost_usd=shares_usd[attempt_id])
            lines[attempt_id, token_class] = line

    def _rated(
        self,
        attempt: Attempt,
        list_lines: tuple[RatedLine, ...],
        contracted_lines: tuple[RatedLine, ...],
    ) -> RatedAttempt:
        status = billing_status(attempt)
        if status in ("chained_duplicate", "not_billable"):
            return RatedAttempt(attempt, status, ZERO, ZERO, None, None)
        if status == NO_USAGE:
            exposure = _positive(attempt.gateway_reported_cost_usd)
            return RatedAttempt(attempt, status, None, None, NO_USAGE, exposure)
        contracted = _total(contracted_lines)
        reason = None
        exposure = None
        if contracted is None:
            if not self.prices.knows_model(attempt):
                reason = UNKNOWN_MODEL
            elif any(line.cost_in_currency is None for line in contracted_lines):
                reason = NO_PRICE
            else:
                reason = NO_FX_RATE
            exposure = self._exposure(attempt, contracted_lines)
        return RatedAttempt(
            attempt,
            status,
            _total(list_lines),
            contracted,
            reason,
            exposure,
            list_lines,
            contracted_lines,
        )

    def _exposure(self, attempt: Attempt, lines: tuple[RatedLine, ...]) -> Decimal | None:
        """Cost with missing classes at their nearest earlier price, else the gateway's figure."""
        amounts: list[Decimal] = []
        for line in lines:
            amount = line.cost_usd
            if amount is None:
                row = self.prices.nearest_earlier(attempt, line.token_class)
                if row is not None:
                    amount = self.exchange_rates.to_usd(
                        row.cost(line.units), row.currency, attempt.started_at
                    )
            if amount is None:
                return _positive(attempt.gateway_reported_cost_usd)
            amounts.append(amount)
        return exact_sum(amounts)


def billing_status(attempt: Attempt) -> str:
    """Whether the provider charges the call, as far as its record tells."""
    if not attempt.is_cost_bearing:
        return "chained_duplicate"
    if attempt.attempt_role == "cache_replay" or attempt.status == "gateway_rejected":
        return "not_billable"
    has_usage = attempt.usage_source in ("provider", "gateway_estimate")
    has_usage = has_usage and attempt.total_tokens > 0
    if attempt.status in ("provider_error", "blocked"):
        is_billable = has_usage and attempt.usage_source == "provider"
        return "billable" if is_billable else "not_billable"
    return "billable" if has_usage else NO_USAGE


def _total(lines: tuple[RatedLine, ...]) -> Decimal | None:
    if any(line.cost_usd is None for line in lines):
        return None
    return exact_sum(line.cost_usd for line in lines)


def _positive(amount: Decimal | None) -> Decimal | None:
    return amount if amount is not None and amount > 0 else None
