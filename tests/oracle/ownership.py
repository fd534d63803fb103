"""Owners at event time and the control figures by application and month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from .arithmetic import UNALLOCATED, exact_sum
from .rate import RatedAttempt
from .read import Row, Seeds, covers, decimal_of, recorded

UNOWNED = "UNOWNED"
UNREGISTERED = "UNREGISTERED"
WHOLE = Decimal(1)


class OwnershipOverlap(Exception):
    """Owners of one role whose shares exceed the whole."""


class Registry:
    """Application register and ownership known at one knowledge time."""

    def __init__(self, seeds: Seeds, as_of: datetime | None = None) -> None:
        self._applications: dict[str, list[Row]] = defaultdict(list)
        for row in seeds.known("applications", as_of):
            self._applications[row["application_id"]].append(row)
        self._owners: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in seeds.known("ownership", as_of):
            self._owners[row["application_id"], row["party_role"]].append(row)

    def is_registered(self, application_id: str | None, at: datetime) -> bool:
        return any(covers(row, at) for row in self._applications.get(application_id or "", []))

    def owners(
        self, application_id: str | None, at: datetime, party_role: str = "cost_center"
    ) -> tuple[tuple[str, Decimal], ...]:
        """Parties and shares that sum to 1; the unowned rest is a party of its own.

        Of rows that overlap the latest recorded ones win. Raises ``OwnershipOverlap`` when their
        shares exceed 1.
        """
        rows = [
            row
            for row in self._owners.get((application_id or "", party_role), [])
            if covers(row, at)
        ]
        if not rows:
            return ((UNOWNED, WHOLE),)
        latest = max(recorded(row) for row in rows)
        shares = sorted(
            (row["party_id"], decimal_of(row, "share")) for row in rows if recorded(row) == latest
        )
        total = exact_sum(share for _, share in shares)
        if total > WHOLE:
            raise OwnershipOverlap(f"{application_id} {party_role} at {at}: shares sum to {total}")
        if total < WHOLE:
            shares.append((UNALLOCATED, WHOLE - total))
        return tuple(shares)


@dataclass(frozen=True)
class ControlFigure:
    """One application in one UTC usage month; money in USD except ``cost_by_currency``."""

    application_id: str | None
    usage_month: date
    attempts: int
    contracted_cost_usd: Decimal
    effective_cost_usd: Decimal
    cost_by_currency: dict[str, Decimal]
    unpriced_attempts: int
    unpriced_exposure_usd: Decimal


def control_figures(rated: Iterable[RatedAttempt]) -> list[ControlFigure]:
    """Inference by application and month of the attempts' start.

    The effective cost and the amounts by currency leave committed use out: its money is the
    commitment's.
    """
    members: dict[tuple[str, date], list[RatedAttempt]] = defaultdict(list)
    for one in rated:
        if one.is_cost_bearing:
            month = one.attempt.started_at.date().replace(day=1)
            members[one.attempt.application_id or "", month].append(one)
    figures = []
    for (application_id, month), found in sorted(members.items()):
        currencies: dict[str, Decimal] = {}
        for one in found:
            if one.attempt.pricing_mode == "committed":
                continue
            for currency, amount in one.cost_by_currency.items():
                currencies[currency] = exact_sum((currencies.get(currency), amount))
        unpriced = [one for one in found if one.contracted_cost_usd is None]
        figures.append(
            ControlFigure(
                application_id=application_id or None,
                usage_month=month,
                attempts=len(found),
                contracted_cost_usd=exact_sum(one.contracted_cost_usd for one in found),
                effective_cost_usd=exact_sum(one.effective_cost_usd for one in found),
                cost_by_currency=currencies,
                unpriced_attempts=len(unpriced),
                unpriced_exposure_usd=exact_sum(one.unpriced_exposure_usd for one in unpriced),
            )
        )
    return figures
