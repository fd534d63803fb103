"""Interactions: what a user would call one request, with all its attempts and their cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .arithmetic import ZERO, exact_sum
from .rate import RatedAttempt
from .requests import TOKEN_CLASSES


@dataclass(frozen=True)
class Interaction:
    """One interaction. Costs are USD sums over attempts that have one.

    ``unpriced_attempts`` says how many have none, ``unpriced_exposure_usd`` what they may cost.
    """

    interaction_id: str
    application_id: str | None
    interaction_date: date
    attempts: int
    retries: int
    fallbacks: int
    steps: int
    tokens: dict[str, int]
    list_cost_usd: Decimal
    contracted_cost_usd: Decimal
    model_inference_cost_usd: Decimal
    unpriced_attempts: int
    unpriced_exposure_usd: Decimal
    primary_model_id: str | None
    cost_by_date: dict[date, Decimal]
    attempt_ids: tuple[str, ...]


def build_interactions(rated: Iterable[RatedAttempt]) -> dict[str, Interaction]:
    """Interactions by id. Records that only describe another source's call are no attempts."""
    members: dict[str, list[RatedAttempt]] = defaultdict(list)
    for one in rated:
        if one.is_cost_bearing:
            members[one.attempt.interaction_id].append(one)
    return {key: _interaction(key, attempts) for key, attempts in members.items()}


def _interaction(interaction_id: str, members: list[RatedAttempt]) -> Interaction:
    members = sorted(members, key=lambda one: (one.attempt.started_at, one.attempt.attempt_id))
    first = members[0].attempt
    unpriced = [one for one in members if one.contracted_cost_usd is None]
    cost_by_date: dict[date, Decimal] = {}
    for one in members:
        on = one.attempt.started_at.date()
        cost_by_date[on] = exact_sum((cost_by_date.get(on), one.effective_cost_usd))
    return Interaction(
        interaction_id=interaction_id,
        application_id=first.application_id,
        interaction_date=first.started_at.date(),
        attempts=len(members),
        retries=sum(
            one.attempt.retries_reported + (one.attempt.attempt_role == "retry") for one in members
        ),
        fallbacks=sum(_fallbacks(one) for one in members),
        steps=len({one.attempt.step_id for one in members}),
        tokens={name: sum(one.attempt.tokens[name] for one in members) for name in TOKEN_CLASSES},
        list_cost_usd=exact_sum(one.list_cost_usd for one in members),
        contracted_cost_usd=exact_sum(one.contracted_cost_usd for one in members),
        model_inference_cost_usd=exact_sum(one.effective_cost_usd for one in members),
        unpriced_attempts=len(unpriced),
        unpriced_exposure_usd=exact_sum(one.unpriced_exposure_usd for one in unpriced),
        primary_model_id=_primary_model(members),
        cost_by_date=cost_by_date,
        attempt_ids=tuple(one.attempt.attempt_id for one in members),
    )


def _fallbacks(one: RatedAttempt) -> int:
    # A call-grain row already reports the fallback that its role names.
    if one.attempt.attempt_grain == "call":
        return one.attempt.fallbacks_reported
    return int(one.attempt.attempt_role == "fallback")


def _primary_model(members: list[RatedAttempt]) -> str | None:
    costs: dict[str, Decimal] = defaultdict(lambda: ZERO)
    last_position: dict[str, int] = {}
    for position, one in enumerate(members):
        model_id = one.attempt.model_id
        if model_id is None:
            continue
        cost = one.effective_cost_usd
        costs[model_id] = exact_sum((costs[model_id], cost))
        last_position[model_id] = position
    if not costs:
        return None
    return max(costs, key=lambda model_id: (costs[model_id], last_position[model_id]))


def daily_cost(interactions: Iterable[Interaction]) -> dict[tuple[str, date], Decimal]:
    """USD by interaction and UTC date of the attempts, which may lie on both sides of midnight."""
    return {
        (interaction.interaction_id, on): amount
        for interaction in interactions
        for on, amount in interaction.cost_by_date.items()
    }
