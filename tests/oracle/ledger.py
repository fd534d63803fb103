"""The ledger: bills in whole cents, and what each accounting period posts about each month.

Amounts before posting are exact fractions of USD, posted ones are integers of cents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from .arithmetic import UNALLOCATED, Key, largest_remainder
from .pools import as_cents, in_proportion
from .read import Seeds, parse_instant, recorded

UNATTRIBUTED = "UNATTRIBUTED"
UNREGISTERED = "UNREGISTERED"

DIRECT = "direct"
SPILL = "spill"
IDLE = "idle"
TRUE_UP = "true_up"
CREDIT_LINE = "credit"
TAX_LINE = "tax"
NOBODY_KNOWN = "unattributed"
NOT_ALLOCATED = "unallocated"

LATE_TELEMETRY = "late_telemetry"
RATE_CORRECTION = "rate_correction"
OWNERSHIP_CHANGE = "ownership_change"
RULE_CHANGE = "rule_change"
INVOICE_CORRECTION = "invoice_correction"
BEYOND_WINDOW = "beyond_window"
RESTATEMENT_WINDOW_MONTHS = 3


class Bearer(NamedTuple):
    """Who bears a charge; the team is '' when unknown."""

    application_id: str
    cost_center_id: str
    contributing_team_id: str = ""


class Line(NamedTuple):
    """What one line of a bill's journal stands for."""

    model_id: str
    commitment_id: str
    bearer: Bearer
    line_type: str


class Charge(NamedTuple):
    """A part of a bill before rounding; class and mode find it again when a credit comes."""

    line: Line
    token_class: str
    pricing_mode: str
    amount: Fraction


class Bill(NamedTuple):
    """One document about one month of usage."""

    billing_account_id: str
    document_id: str
    usage_month: date


@dataclass(frozen=True)
class Period:
    """Accounting period: its month and the instant after which it never changes."""

    posting_month: date
    close_at: datetime


class Step(NamedTuple):
    """Change of one month in one period; the cause is None on the month's first posting."""

    posting_month: date
    usage_month: date
    cause: str | None
    cents: dict[tuple[Bill, Line], int]


def periods_of(seeds: Seeds, as_of: datetime | None = None) -> list[Period]:
    """Periods in order, each with the latest recorded version of its close."""
    closes: dict[date, datetime] = {}
    for row in sorted(seeds.known("accounting_periods", as_of), key=recorded):
        month = parse_instant(row["posting_month"])
        close_at = parse_instant(row["close_at"])
        if month is not None and close_at is not None:
            closes[month.date()] = close_at
    return [Period(month, closes[month]) for month in sorted(closes)]


def spread(amount: Fraction, weights: Mapping[Bearer, Fraction]) -> dict[Bearer, Fraction]:
    """True-up: an amount over what each bearer was rated; without any it has no known user."""
    return in_proportion(amount, weights) or {Bearer(UNREGISTERED, UNATTRIBUTED): amount}


def split_cents(total: int, weights: Sequence[tuple[Key, Fraction]]) -> dict[Key | str, int]:
    """Whole cents by exact weights of any sign, by largest remainder.

    Lines above and below zero are split apart from each other: the negative side keeps its own
    rounded sum, the positive side takes the rest.
    """
    scale = lcm(*(weight.denominator for _, weight in weights))
    integers = [(key, int(weight * scale)) for key, weight in weights if weight]
    above = [(key, weight) for key, weight in integers if weight > 0]
    below = [(key, -weight) for key, weight in integers if weight < 0]
    if not integers:
        # Without any weight the money stays where everybody sees it.
        return {UNALLOCATED: total} if total else {}
    if not (above and below):
        sides = [(total, above or below)]
    else:
        lost = Fraction(-sum(weight for _, weight in below), scale)
        negative = int(as_cents(lost) * 100)
        sides = [(negative, below), (total - negative, above)]
    cents: dict[Key | str, int] = {}
    for part, members in sides:
        if members:
            cents.update(largest_remainder(part, members))
    return cents


def post_bill(total: Fraction, charges: Iterable[Charge]) -> dict[Line, int]:
    """Cents of each line of a bill; they sum to the bill's total in cents.

    Raises ``ArithmeticError`` when the charges are not exactly the bill.
    """
    exact: dict[Line, Fraction] = defaultdict(Fraction)
    for charge in charges:
        exact[charge.line] += charge.amount
    if sum(exact.values(), Fraction(0)) != total:
        raise ArithmeticError(f"charges of {sum(exact.values())} for a bill of {total}")
    return split_cents(int(as_cents(total) * 100), sorted(exact.items()))


def credit_bearers(
    amount: Fraction,
    original: Iterable[Charge],
    usage: Iterable[Charge],
    platform: Bearer,
) -> list[Charge]:
    """A credit to whoever bore the original charge, else to the users, else to the platform."""
    for candidates in (list(original), list(usage)):
        weights: dict[tuple[Line, str, str], Fraction] = defaultdict(Fraction)
        for charge in candidates:
            line = charge.line._replace(line_type=CREDIT_LINE)
            weights[line, charge.token_class, charge.pricing_mode] += charge.amount
        shares = in_proportion(amount, weights)
        if shares:
            return [Charge(*key, share) for key, share in shares.items()]
    return [Charge(Line("UNKNOWN", "", platform, CREDIT_LINE), "", "", amount)]


def difference(after: Mapping[Key, int], before: Mapping[Key, int]) -> dict[Key, int]:
    """What changed, by key; keys that did not change are left out."""
    changes = {key: after.get(key, 0) - before.get(key, 0) for key in {**before, **after}}
    return {key: change for key, change in changes.items() if change}


def telescoped(values: Sequence[Mapping[Key, int]]) -> list[dict[Key, int]]:
    """Postings of successive values of one month: each is the difference to the one before."""
    postings = []
    before: Mapping[Key, int] = {}
    for value in values:
        postings.append(difference(value, before))
        before = value
    return postings


def months_between(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month
