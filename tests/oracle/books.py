"""Bills, telemetry and reference rows together: the reconciliation and the ledger of a company.

Everything is a function of what was known at some instant. The ledger values each month as known
at each close and posts the differences.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar

from . import REQUEST_TABLES
from .arithmetic import CONTEXT, UNALLOCATED, ZERO, exact_sum
from .bills import (
    CAPACITY,
    CREDIT,
    FEE,
    PURCHASE,
    TAX,
    USAGE,
    Account,
    BillLine,
    accounts_of,
    known_lines,
    place_lines,
    read_bills,
)
from .ledger import (
    BEYOND_WINDOW,
    DIRECT,
    IDLE,
    INVOICE_CORRECTION,
    LATE_TELEMETRY,
    NOBODY_KNOWN,
    NOT_ALLOCATED,
    OWNERSHIP_CHANGE,
    RATE_CORRECTION,
    RESTATEMENT_WINDOW_MONTHS,
    RULE_CHANGE,
    SPILL,
    TAX_LINE,
    TRUE_UP,
    UNATTRIBUTED,
    UNREGISTERED,
    Bearer,
    Bill,
    Charge,
    Line,
    Period,
    Step,
    credit_bearers,
    difference,
    months_between,
    periods_of,
    post_bill,
    spread,
)
from .ownership import UNOWNED, Registry
from .pools import (
    FORECAST_OWNER,
    PLATFORM,
    Commitment,
    charge_hour,
    commitment_of,
    idle_shares,
    used_cost,
)
from .rate import CONTRACT, CONVERT_TOTAL, LIST, RatedAttempt, Rater
from .read import (
    Row,
    Seeds,
    covers,
    decimal_of,
    parse_instant,
    read_raw_table,
    read_seeds,
    recorded,
)
from .reconciliation import (
    Bucket,
    Parts,
    Silence,
    classify,
    hour_of,
    in_usd,
    is_above_tolerance,
    price_or_rounding,
)
from .requests import (
    LITELLM,
    OTEL_GENAI,
    Attempt,
    Normalized,
    litellm_arrival,
    normalize,
    otel_arrival,
)

SOURCES = (LITELLM, OTEL_GENAI)
ARRIVALS = {LITELLM: litellm_arrival, OTEL_GENAI: otel_arrival}
# Reference tables behind each kind of knowledge.
TABLES_OF = {
    "rates": ("price_list", "contract_prices", "fx_rates", "commitments"),
    "ownership": ("ownership", "components"),
    "rules": ("allocation_rules", "commitments"),
}
# What a commitment says of who bears it, beside what it buys and costs.
RULES_OF_COMMITMENTS = (
    "headroom_ratio", "spill_charging", "idle_rule", "excess_idle_rule",
    "forecast_owner_cost_center_id",
)  # fmt: skip
NOT_SHARED = Bearer(UNREGISTERED, UNALLOCATED)
NOT_KNOWN = Bearer(UNREGISTERED, UNATTRIBUTED)

# Months of the reconciliation in which a credit for an earlier month can stand.
CREDITED_MONTH = "credited month"
MEMO_MONTH = "month of the memo"


Kept = TypeVar("Kept")


class Knowledge(NamedTuple):
    """Up to when each kind of fact is known; None is everything."""

    telemetry: datetime | None
    rates: datetime | None
    ownership: datetime | None
    rules: datetime | None
    documents: datetime | None


def known_at(instant: datetime | None) -> Knowledge:
    return Knowledge(*(instant for _ in Knowledge._fields))


class Cell(NamedTuple):
    """What a bill and telemetry have in common."""

    model_id: str
    token_class: str
    pricing_mode: str


@dataclass(frozen=True)
class Use:
    """Tokens of one class of one call with their rated amount."""

    attempt: Attempt
    cell: Cell
    units: int
    amount: Decimal
    amount_usd: Decimal

    @property
    def is_spill(self) -> bool:
        return self.attempt.pricing_mode == "committed_spill"


@dataclass(frozen=True)
class Match:
    """One cell of an account's month with both sides and the reasons of their difference.

    ``parts`` are USD and leave the timing out, which follows from two months at once.
    """

    uses: tuple[Use, ...]
    uncovered: tuple[Use, ...]
    lines: tuple[BillLine, ...]
    parts: Parts


@dataclass(frozen=True)
class ReconciliationRow:
    """One account, month, model and token class; USD."""

    rated_units: int | None
    invoiced_units: Decimal | None
    rated_usd: Decimal
    invoiced_usd: Decimal
    parts: Parts
    is_above_tolerance: bool

    @property
    def residual_usd(self) -> Decimal:
        with localcontext(CONTEXT):
            return self.invoiced_usd - self.rated_usd

    @property
    def status(self) -> str:
        if self.residual_usd == 0:
            return "agrees"
        if self.invoiced_usd == 0:
            return "no_invoice"
        return "differs" if self.rated_usd else "no_telemetry"


class Books:
    """The company's books, computed on demand; what was computed once is kept."""

    def __init__(
        self, raw: dict[tuple[str, str], list[Row]], seeds: Seeds, as_of: datetime | None = None
    ) -> None:
        self.raw = raw
        self.seeds = seeds
        self.as_of = as_of
        self.accounts = accounts_of(seeds)
        self.placed = place_lines(raw, seeds)
        self.periods = periods_of(seeds)
        self._arrivals = [
            arrival(row) or datetime.max
            for source, arrival in ARRIVALS.items()
            for row in raw.get((source, REQUEST_TABLES[source][0]), [])
        ]
        self._kept: dict[tuple[object, ...], Any] = {}

    # -- what was known ---------------------------------------------------------------------

    def _until(self, instant: datetime | None) -> datetime | None:
        known = [one for one in (instant, self.as_of) if one is not None]
        return min(known) if known else None

    def _keep(self, key: tuple[object, ...], compute: Callable[[], Kept]) -> Kept:
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]

    def _known(self, table: str, instant: datetime | None) -> list[Row]:
        """Reference rows in the order of their recording."""
        return self._keep(
            ("known", table, instant),
            lambda: sorted(self.seeds.known(table, instant), key=recorded),
        )

    def _version(self, kind: str, instant: datetime | None) -> tuple[int, ...]:
        """How much is known of a kind of fact: facts only grow, so equal counts are equal facts."""

        def count() -> tuple[int, ...]:
            if kind == "telemetry":
                return (sum(1 for at in self._arrivals if instant is None or at <= instant),)
            if kind == "documents":
                known = (line.known_at for _, line in self.placed)
                return (sum(1 for at in known if instant is None or at <= instant),)
            return tuple(len(self._known(table, instant)) for table in TABLES_OF[kind])

        return self._keep((kind, instant), count)

    def telemetry(self, instant: datetime | None) -> Normalized:
        """Calls as their sources had told them by then."""
        return self._keep(
            ("normalized", self._version("telemetry", instant)),
            lambda: normalize(self.raw, self.seeds, SOURCES, instant),
        )

    def _rater(self, instant: datetime | None) -> Rater:
        return self._keep(
            ("rater", self._version("rates", instant)),
            lambda: Rater(self.seeds, instant, CONVERT_TOTAL),
        )

    def _registry(self, instant: datetime | None) -> Registry:
        return self._keep(("registry", instant), lambda: Registry(self.seeds, instant))

    def _lines(self, account: Account, instant: datetime | None) -> list[BillLine]:
        lines = self._keep(
            ("lines", self._version("documents", instant)),
            lambda: known_lines(self.placed, instant),
        )
        return [line for line in lines if line.billing_account_id == account.billing_account_id]

    def _attempts(self, instant: datetime | None) -> dict[tuple[str, date], list[Attempt]]:
        """Calls by account and UTC month."""

        def place() -> dict[tuple[str, date], list[Attempt]]:
            placed: dict[tuple[str, date], list[Attempt]] = defaultdict(list)
            for attempt in self.telemetry(instant).attempts:
                if attempt.is_cost_bearing and attempt.billing_account_id is not None:
                    month = attempt.started_at.date().replace(day=1)
                    placed[attempt.billing_account_id, month].append(attempt)
            return dict(placed)

        return self._keep(("attempts", self._version("telemetry", instant)), place)

    def rated(self, account_id: str, month: date, knowledge: Knowledge) -> list[RatedAttempt]:
        """Rated calls of an account in a UTC month, within which volume prices climb."""
        attempts = self._attempts(knowledge.telemetry).get((account_id, month), [])
        version = self._version("rates", knowledge.rates)
        ids = frozenset(one.attempt_id for one in attempts)
        return self._keep(
            ("rated", account_id, month, version, ids),
            lambda: list(self._rater(knowledge.rates).rate(attempts).values()),
        )

    def uses(self, rated: Iterable[RatedAttempt]) -> list[Use]:
        """Priced tokens that the provider charges by the token."""
        return [
            Use(
                one.attempt,
                Cell(one.attempt.model_id or "UNKNOWN", line.token_class, one.attempt.lookup_mode),
                line.units,
                line.cost_in_currency,
                line.cost_usd,
            )
            for one in rated
            if one.attempt.pricing_mode != "committed"
            for line in one.contracted_lines
            if line.cost_in_currency is not None and line.cost_usd is not None
        ]

    def _uses_of_billing_month(
        self, account: Account, month: date, knowledge: Knowledge
    ) -> list[Use]:
        months = [
            utc_month
            for name, utc_month in self._attempts(knowledge.telemetry)
            if name == account.billing_account_id and abs(months_between(month, utc_month)) <= 1
        ]
        return [
            use
            for utc_month in sorted(months)
            for use in self.uses(self.rated(account.billing_account_id, utc_month, knowledge))
            if account.month_of(use.attempt.started_at) == month
        ]

    def booked_rate(self, currency: str, month: date, instant: datetime | None) -> Decimal:
        """USD for one unit: the booked rate, the month's average until that is known."""
        if currency == "USD":
            return Decimal(1)
        rows = [
            row
            for row in self._known("fx_rates", instant)
            if row["from_currency"] == currency
            and row["to_currency"] == "USD"
            and row["rate_type"] in ("booked", "month_avg")
            and parse_instant(row["rate_date"]).date().replace(day=1) == month
        ]
        best = max(rows, key=lambda row: (row["rate_type"] == "booked", recorded(row)))
        return decimal_of(best, "rate")

    # -- billed against rated ---------------------------------------------------------------

    def _silence(self, instant: datetime | None) -> Silence:
        def listen() -> Silence:
            normalized = self.telemetry(instant)
            emitted: dict[str, set[datetime]] = defaultdict(set)
            refused = [one.attempt for one in normalized.quarantined if one.attempt is not None]
            for attempt in [*normalized.attempts, *refused]:
                if attempt.started_at is not None:
                    emitted[attempt.source_name].add(hour_of(attempt.started_at))
            return Silence(emitted)

        return self._keep(("silence", self._version("telemetry", instant)), listen)

    def _sources_of(self, account_id: str, instant: datetime | None) -> set[str]:
        return {
            attempt.source_name
            for (name, _), attempts in self._attempts(instant).items()
            if name == account_id
            for attempt in attempts
        }

    def _card_price(
        self, account: Account, cell: Cell, at: datetime, knowledge: Knowledge
    ) -> Decimal | None:
        call = SimpleNamespace(
            attempt_id="bill",
            provider_id=account.provider_id,
            model_id=cell.model_id,
            lookup_mode=cell.pricing_mode,
            billing_account_id=account.billing_account_id,
            region_id=None,
            started_at=at,
            context_tokens=0,
        )
        rows = self._rater(knowledge.rates).prices.winners(call, cell.token_class, (LIST, CONTRACT))
        if len(rows) != 1 or rows[0].has_volume_band or rows[0].currency != account.currency:
            return None
        with localcontext(CONTEXT):
            return rows[0].unit_price / rows[0].unit_quantity

    def matches(self, account: Account, month: date, knowledge: Knowledge) -> dict[Cell, Match]:
        """Usage lines of an account's bills for a month against the telemetry of that month."""
        key = (
            self._version("telemetry", knowledge.telemetry),
            self._version("rates", knowledge.rates),
            self._version("documents", knowledge.documents),
        )
        return self._keep(
            ("matches", account.billing_account_id, month, *key),
            lambda: self._matches(account, month, knowledge),
        )

    def _matches(self, account: Account, month: date, knowledge: Knowledge) -> dict[Cell, Match]:
        lines = [
            line
            for line in self._lines(account, knowledge.documents)
            if line.usage_month == month and line.category == USAGE
        ]
        uses = self._uses_of_billing_month(account, month, knowledge)
        covered_until = max((line.ends_at for line in lines), default=datetime.min)
        if any(not line.is_provisional for line in lines):
            covered_until = datetime.max
        silence = self._silence(knowledge.telemetry)
        sources = self._sources_of(account.billing_account_id, knowledge.telemetry)
        counts_units = any(line.units is not None for line in lines)
        booked = self.booked_rate(account.currency, month, knowledge.rates)
        found: dict[Cell, Match] = {}
        cells = {use.cell for use in uses} | {_cell_of(line) for line in lines}
        by_cell: dict[Cell, list[Use]] = defaultdict(list)
        for use in uses:
            by_cell[use.cell].append(use)
        for cell in sorted(cells):
            covered = [use for use in by_cell[cell] if use.attempt.started_at < covered_until]
            uncovered = [use for use in by_cell[cell] if use.attempt.started_at >= covered_until]
            billed = [line for line in lines if _cell_of(line) == cell]
            parts = Parts()
            for bucket_uses, bucket_lines in _buckets(covered, billed):
                bucket = self._bucket(account, cell, bucket_uses, bucket_lines, knowledge)
                if bucket_lines:
                    stretch = (bucket_lines[0].starts_at, bucket_lines[0].ends_at)
                    bucket = replace(bucket, is_silent=silence.overlaps(sources, *stretch))
                elif counts_units:
                    bucket = replace(bucket, gateway_units=ZERO)
                parts += classify(bucket)
            parts = price_or_rounding(parts, (line.amount for line in billed))
            rated = exact_sum(use.amount for use in covered)
            rated_usd = exact_sum(use.amount_usd for use in covered)
            found[cell] = Match(
                uses=tuple(covered),
                uncovered=tuple(uncovered),
                lines=tuple(billed),
                parts=in_usd(parts, rated, rated_usd, booked),
            )
        return found

    def _bucket(
        self,
        account: Account,
        cell: Cell,
        uses: list[Use],
        lines: list[BillLine],
        knowledge: Knowledge,
    ) -> Bucket:
        gateway = [line for line in lines if account.uses_gateway(line.sub_account_id)]
        bypass = [line for line in lines if not account.uses_gateway(line.sub_account_id)]
        units = _units(lines)
        bypass_units = _units(bypass) if bypass else ZERO
        gateway_units = None
        if units is not None and bypass_units is not None:
            gateway_units = units - bypass_units
        card_price = None
        if lines:
            card_price = self._card_price(account, cell, lines[0].starts_at, knowledge)
        return Bucket(
            rated=exact_sum(use.amount for use in uses),
            rated_units=Decimal(sum(use.units for use in uses)),
            gateway=exact_sum(line.amount for line in gateway),
            gateway_units=gateway_units,
            bypass=exact_sum(line.amount for line in bypass),
            bypass_units=bypass_units,
            card_price=card_price,
        )

    # -- capacity ---------------------------------------------------------------------------

    def commitments(self, account: Account, knowledge: Knowledge) -> list[Commitment]:
        terms, rules = (
            {row["commitment_id"]: row for row in self._known("commitments", instant)}
            for instant in (knowledge.rates, knowledge.rules)
        )
        return [
            commitment_of(row | {name: rules.get(key, row)[name] for name in RULES_OF_COMMITMENTS})
            for key, row in terms.items()
            if row["billing_account_id"] == account.billing_account_id
        ]

    def capacity_cost(self, commitment: Commitment, account: Account, month: date) -> Fraction:
        """The month's part of the commitment, by the account's clock."""
        hours = sum(1 for hour in commitment.hours() if account.month_of(hour) == month)
        return commitment.hour_cost * hours

    def capacity_charges(
        self, account: Account, month: date, knowledge: Knowledge
    ) -> tuple[list[Charge], dict[tuple[str, datetime], dict[Bearer, Fraction]]]:
        """Used and idle capacity, and for pooled commitments who shares each hour's spill."""
        charges: list[Charge] = []
        demand_by_hour: dict[tuple[str, datetime], dict[Bearer, Fraction]] = {}
        for commitment in self.commitments(account, knowledge):
            hours = [hour for hour in commitment.hours() if account.month_of(hour) == month]
            if not hours:
                continue
            served, spilled = self._demand(commitment, account, month, knowledge)
            used: dict[Bearer, Fraction] = defaultdict(Fraction)
            for hour in hours:
                amount = used_cost(commitment.hour_cost, commitment.hour_tokens, served[hour])
                by_bearer, _ = charge_hour(
                    amount, Fraction(0), served[hour], spilled[hour], commitment.is_pooled
                )
                for bearer, share in by_bearer.items():
                    used[bearer] += share
                if commitment.is_pooled and spilled[hour]:
                    _, demand = charge_hour(
                        Fraction(0), Fraction(1), served[hour], spilled[hour], True
                    )
                    demand_by_hour[commitment.model_id, hour] = demand
            capacity_cost = commitment.hour_cost * len(hours)
            idle = capacity_cost - sum(used.values(), Fraction(0))
            bearers = {
                PLATFORM: Bearer(UNREGISTERED, self._platform(commitment.pool_id, knowledge)),
                FORECAST_OWNER: Bearer(UNREGISTERED, commitment.forecast_owner_cost_center_id),
            }
            for bearer, amount in used.items():
                line = Line(commitment.model_id, commitment.commitment_id, bearer, DIRECT)
                charges.append(Charge(line, CAPACITY, "committed", amount))
            for role, amount in idle_shares(commitment, idle, capacity_cost).items():
                line = Line(commitment.model_id, commitment.commitment_id, bearers[role], IDLE)
                charges.append(Charge(line, CAPACITY, "committed", amount))
        return charges, demand_by_hour

    def _demand(
        self, commitment: Commitment, account: Account, month: date, knowledge: Knowledge
    ) -> tuple[dict[datetime, dict[Bearer, Fraction]], dict[datetime, dict[Bearer, Fraction]]]:
        """Weighted tokens by hour and bearer, on the capacity and spilled from it."""
        sides: dict[str, dict[datetime, dict[Bearer, Fraction]]] = {
            mode: defaultdict(lambda: defaultdict(Fraction))
            for mode in ("committed", "committed_spill")
        }
        for (name, _), attempts in self._attempts(knowledge.telemetry).items():
            if name != account.billing_account_id:
                continue
            for attempt in attempts:
                if (
                    attempt.pricing_mode in sides
                    and attempt.model_id == commitment.model_id
                    and commitment.starts_at <= attempt.started_at < commitment.ends_at
                    and account.month_of(attempt.started_at) == month
                ):
                    weight = commitment.weigh(attempt)
                    by_bearer = sides[attempt.pricing_mode][hour_of(attempt.started_at)]
                    for bearer, share in self.bearers(attempt, month, knowledge):
                        by_bearer[bearer] += weight * share
        return sides["committed"], sides["committed_spill"]

    def _platform(self, pool_id: str, knowledge: Knowledge) -> str:
        rules = [
            row
            for row in self._known("allocation_rules", knowledge.rules)
            if row["pool_name"] == pool_id
        ]
        return rules[-1]["source_cost_center_id"]

    # -- owners -----------------------------------------------------------------------------

    def _restates_ownership(self, pool_name: str, knowledge: Knowledge) -> bool:
        rules = [
            row
            for row in self._known("allocation_rules", knowledge.rules)
            if row["pool_name"] == pool_name
        ]
        return bool(rules) and rules[-1]["restate_ownership"] == "true"

    def _owners_known_at(
        self, pool_name: str, month: date, arrived_at: datetime, knowledge: Knowledge
    ) -> datetime | None:
        """A closed month keeps the owners it was closed with, unless its rule says otherwise."""
        if self._restates_ownership(pool_name, knowledge):
            return knowledge.ownership
        closes = (
            period.close_at
            for period in self.periods
            if period.posting_month >= month and period.close_at >= arrived_at
        )
        known = [one for one in (next(closes, None), knowledge.ownership) if one is not None]
        return min(known, default=None)

    def bearers(
        self, attempt: Attempt, month: date, knowledge: Knowledge
    ) -> list[tuple[Bearer, Fraction]]:
        """Who bears a call, with shares that sum to 1."""
        instant = self._owners_known_at("inference", month, attempt.ingested_at, knowledge)
        return self._keep(
            ("bearers", attempt.attempt_id, instant), lambda: self._bearers(attempt, instant)
        )

    def _bearers(self, attempt: Attempt, instant: datetime | None) -> list[tuple[Bearer, Fraction]]:
        team = ""
        for row in self._known("components", instant):
            if row["component_id"] == attempt.component_id and covers(row, attempt.started_at):
                team = row["contributing_team_id"] or ""
        owners = self._registry(instant).owners(attempt.application_id, attempt.started_at)
        return [
            (
                Bearer(
                    attempt.application_id or UNREGISTERED,
                    (attempt.cost_center_tag or party) if party == UNOWNED else party,
                    team,
                ),
                Fraction(share),
            )
            for party, share in owners
        ]

    def _bypass_bearer(self, line: BillLine, month: date, knowledge: Knowledge) -> Bearer:
        """The owner of a project outside the gateway, once the register names one."""
        instant = self._owners_known_at("unattributed", month, line.known_at, knowledge)
        owners = self._registry(instant).owners(line.sub_account_id, line.starts_at)
        party = owners[0][0]
        return NOT_KNOWN if party == UNOWNED else Bearer(UNREGISTERED, party)

    # -- the ledger -------------------------------------------------------------------------

    def value(self, month: date, knowledge: Knowledge) -> dict[tuple[Bill, Line], int]:
        """What a month of usage costs whom, in cents, as known then."""
        knowledge = Knowledge(*(self._until(instant) for instant in knowledge))
        versions = (
            self._version(kind, instant)
            for kind, instant in zip(Knowledge._fields, knowledge, strict=True)
        )
        return self._keep(("value", month, *versions), lambda: self._value(month, knowledge))

    def _value(self, month: date, knowledge: Knowledge) -> dict[tuple[Bill, Line], int]:
        posted: dict[tuple[Bill, Line], int] = {}
        for account in self.accounts.values():
            for document_id, (total, charges) in self._bills(account, month, knowledge).items():
                bill = Bill(account.billing_account_id, document_id, month)
                for line, cents in post_bill(total, charges).items():
                    posted[bill, line] = cents
        return posted

    def _bills(
        self, account: Account, month: date, knowledge: Knowledge
    ) -> dict[str, tuple[Fraction, list[Charge]]]:
        booked = Fraction(self.booked_rate(account.currency, month, knowledge.rates))
        lines = [
            line for line in self._lines(account, knowledge.documents) if line.usage_month == month
        ]
        charged = [line for line in lines if line.category != CREDIT]
        documents = {line.document_id for line in charged}
        if len(documents) > 1:
            raise NotImplementedError(f"{month:%Y-%m} of one account has {len(documents)} bills")
        capacity, demand = self.capacity_charges(account, month, knowledge)
        if not charged:
            # Credits apart, a month that nobody billed yet is worth what was rated.
            documents = {f"estimated:{account.billing_account_id}:{month:%Y-%m}"}
        charges = list(capacity)
        for cell, match in self.matches(account, month, knowledge).items():
            charges += self._cell_charges(account, month, cell, match, booked, demand, knowledge)
        charges += self._rest(account, month, charges, charged, booked, knowledge)
        found: dict[str, tuple[Fraction, list[Charge]]] = {}
        total = sum((charge.amount for charge in charges), Fraction(0))
        if charged:
            total = sum((Fraction(line.amount) * booked for line in charged), Fraction(0))
        if charges:
            found[documents.pop()] = (total, charges)
        for credit in lines:
            if credit.category == CREDIT:
                before, parts = found.get(credit.document_id, (Fraction(0), []))
                amount = Fraction(credit.amount) * booked
                shares = credit_bearers(
                    amount,
                    [charge for charge in charges if _is_credited(charge, credit)],
                    charges,
                    Bearer(UNREGISTERED, self._platform("pool-1", knowledge)),
                )
                found[credit.document_id] = (before + amount, parts + shares)
        return found

    def _cell_charges(
        self,
        account: Account,
        month: date,
        cell: Cell,
        match: Match,
        booked: Fraction,
        demand: dict[tuple[str, datetime], dict[Bearer, Fraction]],
        knowledge: Knowledge,
    ) -> list[Charge]:
        """Rated use at the booked rate, and what the bill has beside it by its reason."""
        charges: list[Charge] = []

        def charge(bearer: Bearer, line_type: str, amount: Fraction) -> None:
            line = Line(cell.model_id, "", bearer, line_type)
            charges.append(Charge(line, cell.token_class, cell.pricing_mode, amount))

        amounts: dict[tuple[tuple[tuple[Bearer, Fraction], ...], str], list[Decimal]]
        amounts = defaultdict(list)
        for use in (*match.uses, *match.uncovered):
            shares = self.bearers(use.attempt, month, knowledge)
            if use.is_spill:
                pooled = demand.get((cell.model_id, hour_of(use.attempt.started_at)))
                shares = list(pooled.items()) if pooled else shares
            amounts[tuple(shares), SPILL if use.is_spill else DIRECT].append(use.amount)
        for (shares, line_type), found in amounts.items():
            for bearer, share in shares:
                charge(bearer, line_type, Fraction(exact_sum(found)) * booked * share)
        parts = match.parts
        bypassing = [line for line in match.lines if not account.uses_gateway(line.sub_account_id)]
        billed = sum((line.amount for line in bypassing), ZERO)
        for line in bypassing:
            bearer = self._bypass_bearer(line, month, knowledge)
            share = Fraction(line.amount) / Fraction(billed) if billed else Fraction(0)
            charge(bearer, NOBODY_KNOWN, Fraction(parts.bypass) * share)
        charge(NOT_SHARED, NOT_ALLOCATED, Fraction(parts.missing_telemetry))
        return charges

    def _rest(
        self,
        account: Account,
        month: date,
        charges: list[Charge],
        lines: list[BillLine],
        booked: Fraction,
        knowledge: Knowledge,
    ) -> list[Charge]:
        """What is left of a bill: spread over its users, or set apart."""
        rests: list[Charge] = []
        matches = self.matches(account, month, knowledge)
        used = any(match.uses for match in matches.values())
        invoiced = exact_sum(line.amount for line in lines) * _decimal(booked)
        unexplained = exact_sum(match.parts.unexplained_quantity for match in matches.values())
        above = is_above_tolerance(unexplained, invoiced)
        everybody = _weights(charges)
        for cell, match in matches.items():
            quantity = Fraction(match.parts.unexplained_quantity)
            rest = Fraction(match.parts.price) + Fraction(match.parts.rounding)
            if used and above:
                line = Line(cell.model_id, "", NOT_SHARED, NOT_ALLOCATED)
                rests.append(Charge(line, cell.token_class, cell.pricing_mode, quantity))
            else:
                rest += quantity
            of_cell = [one for one in charges if (one.token_class, one.pricing_mode) == cell[1:]]
            weights = _weights(one for one in of_cell if one.line.model_id == cell.model_id)
            for bearer, amount in spread(rest, weights or everybody).items():
                line_type = NOBODY_KNOWN if bearer == NOT_KNOWN else TRUE_UP
                line = Line(cell.model_id, "", bearer, line_type)
                rests.append(Charge(line, cell.token_class, cell.pricing_mode, amount))
        for line in lines:
            if line.category in (TAX, FEE):
                key = Line(line.model_id, "", NOT_SHARED, TAX_LINE)
                key = key if line.category == TAX else key._replace(line_type=NOT_ALLOCATED)
                amount = Fraction(line.amount) * booked
                rests.append(Charge(key, line.token_class, line.pricing_mode, amount))
        return rests

    def steps(self) -> list[Step]:
        """What each period posts about each month, and why.

        A month's first posting has no cause. Later changes are taken in a fixed order: calls that
        came late, rates, owners, rules, documents.
        """
        found: list[Step] = []
        for usage in self.periods:
            before: Period | None = None
            for period in self.periods:
                if period.posting_month < usage.posting_month:
                    continue
                for cause, knowledge, earlier in _path(before, period):
                    value = self.value(usage.posting_month, knowledge)
                    old = self.value(usage.posting_month, earlier) if earlier else {}
                    cents = difference(value, old)
                    late = months_between(usage.posting_month, period.posting_month)
                    if cause and late > RESTATEMENT_WINDOW_MONTHS:
                        cause = BEYOND_WINDOW
                    if cents:
                        found.append(Step(period.posting_month, usage.posting_month, cause, cents))
                before = period
        return found

    # -- the report -------------------------------------------------------------------------

    def reconciliation(
        self, credits_in: str = CREDITED_MONTH
    ) -> dict[tuple[date, str, str, str], ReconciliationRow]:
        """Rows by month, account, model and token class, with all that is known."""
        knowledge = known_at(self.as_of)
        rows: dict[tuple[date, str, str, str], list[ReconciliationRow]] = defaultdict(list)
        for account in self.accounts.values():
            lines = self._lines(account, self.as_of)
            months = {line.usage_month for line in lines}
            for name, month in self._attempts(self.as_of):
                if name == account.billing_account_id:
                    months.add(month)
            for month in sorted(months):
                self._reconcile_month(account, month, lines, credits_in, knowledge, rows)
        return {key: _merged(found) for key, found in rows.items()}

    def _reconcile_month(
        self,
        account: Account,
        month: date,
        lines: list[BillLine],
        credits_in: str,
        knowledge: Knowledge,
        rows: dict[tuple[date, str, str, str], list[ReconciliationRow]],
    ) -> None:
        name = account.billing_account_id
        booked = self.booked_rate(account.currency, month, knowledge.rates)
        matches = self.matches(account, month, knowledge)
        of_month = [line for line in lines if line.usage_month == month and line.category != CREDIT]
        unexplained = exact_sum(match.parts.unexplained_quantity for match in matches.values())
        invoiced = exact_sum(line.amount for line in of_month) * booked
        above = is_above_tolerance(unexplained, invoiced)
        rated: dict[tuple[str, str], list[Use]] = defaultdict(list)
        for use in self.uses(self.rated(name, month, knowledge)):
            rated[use.cell[:2]].append(use)
        by_class: dict[tuple[str, str], list[Match]] = defaultdict(list)
        for cell, match in matches.items():
            by_class[cell[:2]].append(match)
        for model_id, token_class in sorted({*rated, *by_class}):
            uses = rated[model_id, token_class]
            found = by_class[model_id, token_class]
            billed = [line for match in found for line in match.lines]
            rated_usd = exact_sum(use.amount_usd for use in uses)
            covered_usd = exact_sum(use.amount_usd for match in found for use in match.uses)
            parts = Parts(timing=covered_usd - rated_usd)
            for match in found:
                parts += match.parts
            rows[month, name, model_id, token_class].append(
                ReconciliationRow(
                    rated_units=sum(use.units for use in uses),
                    invoiced_units=_units(billed),
                    rated_usd=rated_usd,
                    invoiced_usd=exact_sum(line.amount for line in billed) * booked,
                    parts=parts,
                    is_above_tolerance=above,
                )
            )
        for commitment in self.commitments(account, knowledge):
            cost = _decimal(self.capacity_cost(commitment, account, month))
            bought = [line for line in of_month if line.category == PURCHASE]
            paid = exact_sum(line.amount for line in bought) * booked
            if cost or paid:
                rows[month, name, commitment.model_id, CAPACITY].append(
                    ReconciliationRow(None, None, cost, paid, Parts(fixed_fee=paid - cost), above)
                )
        for line in lines:
            stands_in = line.usage_month if credits_in == CREDITED_MONTH else line.billing_month
            if stands_in != month and not (line.category != CREDIT and line in of_month):
                continue
            if line.category not in (CREDIT, TAX, FEE):
                continue
            amount = line.amount * booked
            reason = {CREDIT: "credit", TAX: "tax", FEE: "fixed_fee"}[line.category]
            parts = replace(Parts(), **{reason: amount})
            rows[month, name, line.model_id, line.token_class].append(
                ReconciliationRow(None, None, ZERO, amount, parts, above)
            )


def _cell_of(line: BillLine) -> Cell:
    return Cell(line.model_id, line.token_class, line.pricing_mode)


def _decimal(amount: Fraction) -> Decimal:
    with localcontext(CONTEXT):
        return Decimal(amount.numerator) / Decimal(amount.denominator)


def _units(lines: list[BillLine]) -> Decimal | None:
    """Units of lines; None when one of them has none, or when there is no line."""
    if not lines or any(line.units is None for line in lines):
        return None
    return exact_sum(line.units for line in lines)


def _buckets(uses: list[Use], lines: list[BillLine]) -> list[tuple[list[Use], list[BillLine]]]:
    """Telemetry and charges by the stretches of time that the bill itself has."""
    stretches: dict[tuple[datetime, datetime], tuple[list[Use], list[BillLine]]] = {}
    for line in lines:
        stretches.setdefault((line.starts_at, line.ends_at), ([], []))[1].append(line)
    ordered = sorted(stretches)
    outside: list[Use] = []
    for use in uses:
        at = use.attempt.started_at
        place = bisect_right(ordered, (at, datetime.max)) - 1
        is_inside = place >= 0 and at < ordered[place][1]
        (stretches[ordered[place]][0] if is_inside else outside).append(use)
    return [*stretches.values(), *([(outside, [])] if outside else [])]


def _weights(charges: Iterable[Charge]) -> dict[Bearer, Fraction]:
    """Rated amounts by bearer; what is nobody's use takes no part in a true-up."""
    weights: dict[Bearer, Fraction] = defaultdict(Fraction)
    for charge in charges:
        if charge.line.line_type in (DIRECT, SPILL) and not charge.line.commitment_id:
            weights[charge.line.bearer] += charge.amount
    return weights


def _is_credited(charge: Charge, credit: BillLine) -> bool:
    """Whether a credit takes back this charge: its commitment, or its model, class and mode."""
    if credit.commitment_id:
        return charge.line.commitment_id == credit.commitment_id
    return (charge.line.model_id, charge.token_class, charge.pricing_mode) == _cell_of(credit)


def _path(
    before: Period | None, period: Period
) -> list[tuple[str | None, Knowledge, Knowledge | None]]:
    """From one close to the next: cause, knowledge after it and before it."""
    after = known_at(period.close_at)
    if before is None:
        return [(None, after, None)]
    knowledge = known_at(before.close_at)
    path: list[tuple[str | None, Knowledge, Knowledge | None]] = []
    for field, cause in (
        ("telemetry", LATE_TELEMETRY),
        ("rates", RATE_CORRECTION),
        ("ownership", OWNERSHIP_CHANGE),
        ("rules", RULE_CHANGE),
        ("documents", INVOICE_CORRECTION),
    ):
        later = knowledge._replace(**{field: period.close_at})
        path.append((cause, later, knowledge))
        knowledge = later
    return path


def _merged(found: list[ReconciliationRow]) -> ReconciliationRow:
    parts = Parts()
    for row in found:
        parts += row.parts
    units = [row.rated_units for row in found if row.rated_units is not None]
    billed = [row.invoiced_units for row in found if row.invoiced_units is not None]
    return ReconciliationRow(
        rated_units=sum(units) if units else None,
        invoiced_units=exact_sum(billed) if billed else None,
        rated_usd=exact_sum(row.rated_usd for row in found),
        invoiced_usd=exact_sum(row.invoiced_usd for row in found),
        parts=parts,
        is_above_tolerance=any(row.is_above_tolerance for row in found),
    )


def load_books(raw_path: Path, seed_path: Path, as_of: datetime | None = None) -> Books:
    """Books of the raw files and seeds below two folders."""
    raw = {
        (source, table): read_raw_table(raw_path, source, table)
        for source in SOURCES
        for table in REQUEST_TABLES[source]
    }
    raw.update(read_bills(raw_path))
    return Books(raw, read_seeds(seed_path), as_of)
