"""What really happened: every upstream call, whoever saw it, and what it served.

Nothing here knows how a gateway logs or a provider bills. No random numbers, no clock:
every value is a schedule or a fixed list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from sample_company.parameters import Parameters

PILOT_DAYS = [date(2026, 10, day) for day in range(5, 10)]
NANO_DAYS = [date(2026, 10, 28), date(2026, 10, 29)]
POOL_MONTH = (2026, 9)
SUPPORT_ON_MINI_FROM = date(2026, 8, 11)
PROMPT_REORDERED_ON = date(2026, 10, 12)
LOOP_DAY = date(2026, 8, 19)
GATEWAY_OUTAGE_HOUR = datetime(2026, 8, 27, 3)
AURORA_OUTAGE = (datetime(2026, 10, 20, 10), datetime(2026, 10, 20, 12))
LATE_FROM = datetime(2026, 9, 29, 13)
LATE_UNTIL = datetime(2026, 10, 1)
LATE_ARRIVAL = datetime(2026, 10, 7, 9)
BYPASS_DAYS = [date(2026, 10, day) for day in (6, 13, 20, 27)]
BLOCKED_DAYS = [date(2026, 9, day) for day in range(7, 16)]
FAILED_CLAIM_DAYS = [date(2026, 8, day) for day in (10, 20, 30)] + [
    date(2026, 9, day) for day in (3, 8, 13, 18, 23, 28)
]


def digest(*parts: object) -> str:
    """32 hex digits that depend on the parts alone: the source of every made-up id."""
    return hashlib.md5("|".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Attempt:
    """One upstream call (or, for the bypass, one bulk of calls) as it really happened."""

    application: str
    started_at: datetime
    milliseconds: int
    provider: str
    billing_account: str
    deployment: str
    model: str
    pricing_mode: str
    """on_demand, batch, committed or committed_spill."""
    input_uncached: int
    cache_read: int
    output: int
    interaction: str
    """Name of the interaction it belongs to, unique in the company."""
    key: str
    """Unique in the company; every id of the call derives from it."""
    project: str = ""
    """Provider project, where the account has projects."""
    logged_by: str = "litellm"
    """litellm, otel_genai or, for usage no gateway saw, nobody."""
    user: str = ""
    component: str = ""
    component_version: str = ""
    step: int = 0
    fingerprint: str = ""
    """Equal for identical requests."""
    is_timeout: bool = False
    resends: int = 0
    fallback_from: str = ""
    """Model whose unbilled 503 sent the call here."""

    @property
    def ended_at(self) -> datetime:
        """When the answer was complete, UTC."""
        return self.started_at + timedelta(milliseconds=self.milliseconds)

    @property
    def prompt(self) -> int:
        """Whole prompt, cached part included."""
        return self.input_uncached + self.cache_read

    @property
    def arrives_late(self) -> bool:
        """Whether the collector held the record back past the September close."""
        return self.logged_by == "otel_genai" and LATE_FROM <= self.started_at < LATE_UNTIL

    def tokens(self) -> dict[str, int]:
        """Billable tokens by class, without empty classes."""
        classes = {
            "input_uncached": self.input_uncached,
            "cache_read": self.cache_read,
            "output": self.output,
        }
        return {name: count for name, count in classes.items() if count}


@dataclass(frozen=True)
class Interaction:
    """What a user would call one request, and how it ended."""

    application: str
    name: str
    number: int
    """Position among the application's interactions, from 0."""
    started_at: datetime
    ended_at: datetime
    case_key: str
    succeeded: bool
    is_blocked: bool
    logged_by: str
    version: str = ""


PRICES: list[tuple[str, str, str, str, str, str]] = [
    # model, pricing mode, token class, valid from, valid until, price per million tokens
    ("aurora-large", "on_demand", "input_uncached", "2026-01-01", "2026-09-16", "3.00"),
    ("aurora-large", "on_demand", "output", "2026-01-01", "2026-09-16", "15.00"),
    ("aurora-large", "on_demand", "input_uncached", "2026-09-16", "9999-12-31", "2.40"),
    ("aurora-large", "on_demand", "output", "2026-09-16", "9999-12-31", "12.00"),
    ("aurora-mini", "on_demand", "input_uncached", "2026-01-01", "9999-12-31", "0.30"),
    ("aurora-mini", "on_demand", "output", "2026-01-01", "9999-12-31", "1.50"),
    ("aurora-nano", "on_demand", "input_uncached", "2026-10-28", "9999-12-31", "0.10"),
    ("aurora-nano", "on_demand", "output", "2026-10-28", "9999-12-31", "0.40"),
    ("borealis-pro", "on_demand", "input_uncached", "2026-01-01", "9999-12-31", "3.00"),
    ("borealis-pro", "on_demand", "cache_read", "2026-01-01", "9999-12-31", "0.75"),
    ("borealis-pro", "on_demand", "output", "2026-01-01", "9999-12-31", "12.00"),
    ("borealis-pro", "batch", "input_uncached", "2026-01-01", "9999-12-31", "1.50"),
    ("borealis-pro", "batch", "output", "2026-01-01", "9999-12-31", "6.00"),
    # EUR; the first 1,000 million of a month. Bills know the next tier.
    ("cirrus-embed", "on_demand", "input_uncached", "2026-01-01", "9999-12-31", "0.10"),
]
"""What the providers charged when they billed: the September batch correction came later."""

PER_TOKEN = Decimal("0.000001")


def price_per_million(model: str, pricing_mode: str, token_class: str, at: datetime) -> Decimal:
    """Price in the provider's currency per million tokens. LookupError when there is none."""
    mode = "batch" if pricing_mode == "batch" else "on_demand"
    for row_model, row_mode, row_class, start, end, price in PRICES:
        if (row_model, row_mode, row_class) == (model, mode, token_class) and (
            date.fromisoformat(start) <= at.date() < date.fromisoformat(end)
        ):
            return Decimal(price)
    raise LookupError(f"no price for {token_class} of {model} ({mode}) at {at}")


def cost_by_class(attempt: Attempt) -> dict[str, Decimal]:
    """On-demand or batch cost of a call by token class, in the provider's currency, exact."""
    return {
        name: count
        * price_per_million(attempt.model, attempt.pricing_mode, name, attempt.started_at)
        * PER_TOKEN
        for name, count in attempt.tokens().items()
    }


def business_day_number(day: date) -> int:
    """1 for the first Monday-to-Friday day of its month, 0 at a weekend."""
    if day.weekday() > 4:
        return 0
    return sum(1 for number in range(1, day.day + 1) if day.replace(day=number).weekday() < 5)


def _at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute))


def _pool_calls(moment: datetime) -> int:
    """Calls of file-bundle in the hour that starts at the moment."""
    if moment.weekday() > 4:
        return 3
    hour = moment.hour
    if hour <= 5 or hour >= 22:
        return 3
    if hour in (6, 7, 20, 21):
        return 5
    if hour == 14:
        return 12
    return 9 if hour in (12, 13, 15) else 7


class Company:
    """Attempts and interactions of the whole window, in a fixed order."""

    def __init__(self, parameters: Parameters) -> None:
        """Let every workload run over the window, then add what no gateway saw."""
        self.parameters = parameters
        self.attempts: list[Attempt] = []
        self.interactions: list[Interaction] = []
        self._numbers: dict[str, int] = {}
        for day in parameters.days():
            self._claims_intake(day)
            self._support_chat(day)
            self._kb_search(day)
            self._uw_summariser(day)
            self._claims_large_loss(day)
            self._marketing_draft(day)
            self._hackathon_bot(day)
            self._fraud_score(day)
            self._file_bundle(day)
            self._embeddings(day)
        self._gateway_outage()
        self._bypass()
        self.attempts.sort(key=lambda attempt: (attempt.started_at, attempt.key))

    def _interaction(
        self,
        attempts: list[Attempt],
        case_key: str = "",
        succeeded: bool = True,
        is_blocked: bool = False,
        version: str = "",
    ) -> None:
        first = attempts[0]
        number = self._numbers.get(first.application, 0)
        self._numbers[first.application] = number + 1
        self.attempts.extend(attempts)
        self.interactions.append(
            Interaction(
                application=first.application,
                name=first.interaction,
                number=number,
                started_at=first.started_at,
                ended_at=max(attempt.ended_at for attempt in attempts),
                case_key=case_key,
                succeeded=succeeded and not is_blocked,
                is_blocked=is_blocked,
                logged_by=first.logged_by,
                version=version,
            )
        )

    def _single(
        self,
        application: str,
        name: str,
        started_at: datetime,
        model: str,
        deployment: str,
        tokens: tuple[int, int, int],
        milliseconds: int,
        pricing_mode: str = "on_demand",
        project: str = "",
        user: str = "",
        component: str = "",
        fallback_from: str = "",
    ) -> Attempt:
        """An interaction's only call, through the LiteLLM gateway."""
        provider = model.split("-")[0]
        account = provider
        if provider == "aurora":
            account = "aurora-a" if deployment == "aurora-a-large" else "aurora-b"
        return Attempt(
            application=application,
            started_at=started_at,
            milliseconds=milliseconds,
            provider=provider,
            billing_account=account,
            deployment=deployment,
            model=model,
            pricing_mode=pricing_mode,
            input_uncached=tokens[0],
            cache_read=tokens[1],
            output=tokens[2],
            interaction=name,
            key=name,
            project=project,
            user=user,
            component=component,
            fingerprint=name,
            fallback_from=fallback_from,
        )

    def _claims_intake(self, day: date) -> None:
        first_hour = _at(day, 7, 30) if day == self.parameters.first_day else _at(day, 4)
        for number, start in enumerate((first_hour, _at(day, 13), _at(day, 19)), start=1):
            name = f"claims-intake-{day:%Y%m%d}-{number}"
            attempts: list[Attempt] = []
            moment = start
            for step in range(1, 7):
                times_out = number == 2 and step == 3 and (day.year, day.month) == (2026, 8)
                for resend in range(2 if times_out else 1):
                    attempts.append(
                        self._claims_step(
                            name,
                            moment,
                            step,
                            tokens=(20_000, 500),
                            component="doc-extract" if step in (2, 5) else "claims-intake-agent",
                            version="2.0.0" if step in (2, 5) else "1.7.3",
                            is_timeout=times_out and resend == 0,
                            resend=resend,
                        )
                    )
                    moment += timedelta(seconds=20)
            self._interaction(
                attempts,
                case_key=f"CLM-{day:%Y%m%d}-{number}",
                succeeded=not (number == 3 and day in FAILED_CLAIM_DAYS),
                version="1.7.3",
            )
        if day == LOOP_DAY:
            self._runaway_loop(day)

    def _runaway_loop(self, day: date) -> None:
        for number in range(5):
            name = f"claims-intake-{day:%Y%m%d}-loop-{number + 1}"
            start = _at(day, 2) + timedelta(minutes=48 * number)
            attempts = [
                self._claims_step(
                    name,
                    start + timedelta(seconds=11 * (step - 1)),
                    step,
                    tokens=(40_000, 1_000),
                    component="claims-intake-agent",
                    version="1.8.0",
                    fingerprint=f"{name}-same-step",
                )
                for step in range(1, self.parameters.loop_steps + 1)
            ]
            self._interaction(
                attempts,
                case_key=f"CLM-{day:%Y%m%d}-L{number + 1}",
                succeeded=False,
                version="1.8.0",
            )

    def _claims_step(
        self,
        run: str,
        started_at: datetime,
        step: int,
        tokens: tuple[int, int],
        component: str,
        version: str,
        is_timeout: bool = False,
        resend: int = 0,
        fingerprint: str = "",
    ) -> Attempt:
        return Attempt(
            application="claims-intake-agent",
            started_at=started_at,
            milliseconds=15_000 if is_timeout else 9_000,
            provider="aurora",
            billing_account="aurora-a",
            deployment="",
            model="aurora-large",
            pricing_mode="on_demand",
            input_uncached=tokens[0],
            cache_read=0,
            output=tokens[1],
            interaction=run,
            key=f"{run}-{step}-{resend}",
            project="proj_claims_intake",
            logged_by="otel_genai",
            component=component,
            component_version=version,
            step=step,
            fingerprint=fingerprint or f"{run}-{step}",
            is_timeout=is_timeout,
            resends=resend,
        )

    def _support_chat(self, day: date) -> None:
        on_mini = day >= SUPPORT_ON_MINI_FROM
        first_day = SUPPORT_ON_MINI_FROM if on_mini else self.parameters.first_day
        for k in range(20):
            start = _at(day, 8) + timedelta(minutes=30 * k)
            position = (day - first_day).days * 20 + k
            fails = position * 11 % 50 < 11 if on_mini else position % 10 == 9
            falls_back = AURORA_OUTAGE[0] <= start < AURORA_OUTAGE[1]
            model, deployment = "aurora-large", "aurora-b-large"
            if falls_back:
                # The outage cost money, not answers: its four calls kept their success.
                model, deployment, fails = "borealis-pro", "borealis-pro-01", False
            elif on_mini:
                model, deployment = "aurora-mini", "aurora-b-mini"
            attempt = self._single(
                "support-chat",
                f"support-chat-{day:%Y%m%d}-{k:02d}",
                start,
                model,
                deployment,
                (4_000, 0, 500),
                milliseconds=3_200,
                user=f"customer{position % 40 + 1:02d}@meridian.example",
                fallback_from="aurora-mini" if falls_back else "",
            )
            self._interaction([attempt], case_key=f"TCK-{day:%Y%m%d}-{k:02d}", succeeded=not fails)

    def _kb_search(self, day: date) -> None:
        cached = 160_000 if day < PROMPT_REORDERED_ON else 0
        for k in range(10):
            self._interaction(
                [
                    self._single(
                        "kb-search",
                        f"kb-search-{day:%Y%m%d}-{k}",
                        _at(day, 9 + k, 5),
                        "borealis-pro",
                        "borealis-pro-01",
                        (200_000 - cached, cached, 6_000),
                        milliseconds=14_500,
                    )
                ]
            )

    def _uw_summariser(self, day: date) -> None:
        number = business_day_number(day)
        if not 1 <= number <= 20:
            return
        users = 30 if (day.year, day.month) >= (2026, 9) else 20
        for user in range((number - 1) % 2, users, 2):
            j = (number - 1 - user % 2) // 2
            name = f"uw-summary-{day:%Y%m}-{user:02d}-{j}"
            attempt = self._single(
                "uw-summariser",
                name,
                _at(day, 16) + timedelta(seconds=user),
                "borealis-pro",
                "borealis-pro-batch",
                (500_000, 0, 20_000),
                milliseconds=2_700_000,
                pricing_mode="batch",
                user=f"underwriter{user:02d}@meridian.example",
                component="doc-extract",
            )
            self._interaction([attempt], case_key=f"QUO-{day:%Y%m}-{user:02d}-{j}")

    def _claims_large_loss(self, day: date) -> None:
        for number, hour in enumerate((13, 15, 17), start=1):
            attempt = self._single(
                "claims-large-loss",
                f"large-loss-{day:%Y%m%d}-{number}",
                _at(day, hour, 15),
                "aurora-large",
                "aurora-a-large",
                (60_000, 0, 2_000),
                milliseconds=26_000,
                project="proj_claims_large_loss",
                user=f"adjuster{number}@meridian.example",
            )
            self._interaction([attempt], case_key=f"LLA-{day:%Y%m%d}-{number}")

    def _marketing_draft(self, day: date) -> None:
        calls = [
            (f"{k}", _at(day, 12 + k, 10), "aurora-mini", (3_000, 0, 1_200), k) for k in range(5)
        ]
        if day in PILOT_DAYS:
            calls += [
                (f"pilot-{n}", _at(day, 11, 45 if n else 30), "aurora-large", (3_000, 0, 1_200), n)
                for n in range(2)
            ]
        if day in NANO_DAYS:
            calls += [
                (f"nano-{k}", _at(day, 15, 30 + 5 * k), "aurora-nano", (2_000, 0, 500), k)
                for k in range(5)
            ]
        for suffix, start, model, tokens, writer in sorted(calls, key=lambda call: call[1]):
            attempt = self._single(
                "marketing-draft",
                f"draft-{day:%Y%m%d}-{suffix}",
                start,
                model,
                model.replace("aurora", "aurora-b"),
                tokens,
                milliseconds=6_400,
                user=f"writer{writer + 1}@meridian.example",
            )
            self._interaction(
                [attempt],
                case_key=f"DRF-{day:%Y%m%d}-{suffix}",
                is_blocked=suffix == "0" and day in BLOCKED_DAYS,
            )

    def _hackathon_bot(self, day: date) -> None:
        for number, minute in enumerate((20, 40), start=1):
            self._interaction(
                [
                    self._single(
                        "hackathon-bot",
                        f"hackathon-{day:%Y%m%d}-{number}",
                        _at(day, 18, minute),
                        "aurora-mini",
                        "aurora-b-mini",
                        (2_000, 0, 500),
                        milliseconds=2_100,
                        user=f"builder{number}@meridian.example",
                    )
                ]
            )

    def _fraud_score(self, day: date) -> None:
        for hour in range(0, 24, 3):
            if _at(day, hour) == GATEWAY_OUTAGE_HOUR:
                continue
            self._interaction(
                [
                    self._single(
                        "fraud-score",
                        f"fraud-score-{day:%Y%m%d}-{hour:02d}",
                        _at(day, hour),
                        "borealis-pro",
                        "borealis-pro-01",
                        (1_000, 0, 100),
                        milliseconds=900,
                    )
                ]
            )

    def _file_bundle(self, day: date) -> None:
        if (day.year, day.month) != POOL_MONTH:
            return
        for hour in range(24):
            for index in range(_pool_calls(_at(day, hour))):
                spills = index >= 10
                self._interaction(
                    [
                        self._single(
                            "file-bundle",
                            f"file-bundle-{day:%Y%m%d}-{hour:02d}-{index:02d}",
                            _at(day, hour, 4 * index + 1),
                            "borealis-pro",
                            "borealis-pro-01" if spills else "borealis-pool-1",
                            (1_000_000, 0, 50_000),
                            milliseconds=95_000,
                            pricing_mode="committed_spill" if spills else "committed",
                        )
                    ]
                )

    def _embeddings(self, day: date) -> None:
        number = business_day_number(day)
        if not number:
            return
        is_october = (day.year, day.month) == (2026, 10)
        jobs = []
        if is_october or number <= 8:
            jobs.append(("policy-search-index", _at(day, 17)))
        if number <= (14 if is_october else 7):
            jobs.append(("claims-index", _at(day, 17, 30)))
        elif is_october:
            jobs.append(("policy-search-index", _at(day, 17, 30)))
        for application, start in jobs:
            self._interaction(
                [
                    self._single(
                        application,
                        f"{application}-{start:%Y%m%d%H%M}",
                        start,
                        "cirrus-embed",
                        "cirrus-embed-01",
                        (50_000_000, 0, 0),
                        milliseconds=840_000,
                    )
                ]
            )

    def _gateway_outage(self) -> None:
        """Ninety claims calls were cut after the prompt: billed, and logged by nobody."""
        for number in range(90):
            self.attempts.append(
                Attempt(
                    application="claims-intake-agent",
                    started_at=GATEWAY_OUTAGE_HOUR + timedelta(seconds=40 * number),
                    milliseconds=1_000,
                    provider="aurora",
                    billing_account="aurora-a",
                    deployment="",
                    model="aurora-large",
                    pricing_mode="on_demand",
                    input_uncached=20_000,
                    cache_read=0,
                    output=0,
                    interaction="",
                    key=f"claims-intake-outage-{number:02d}",
                    project="proj_claims_intake",
                    logged_by="nobody",
                )
            )

    def _bypass(self) -> None:
        """Marketing's own key on the provider, four days of October."""
        for day in BYPASS_DAYS:
            self.attempts.append(
                Attempt(
                    application="proj_mkt_direct",
                    started_at=_at(day, 18),
                    milliseconds=3_600_000,
                    provider="aurora",
                    billing_account="aurora-a",
                    deployment="",
                    model="aurora-large",
                    pricing_mode="on_demand",
                    input_uncached=10_000_000,
                    cache_read=0,
                    output=1_000_000,
                    interaction="",
                    key=f"mkt-direct-{day:%Y%m%d}",
                    project="proj_mkt_direct",
                    logged_by="nobody",
                )
            )


def support_cost_center(day: date) -> str:
    """Support became another cost center on 1 October."""
    return "2250" if day >= date(2026, 10, 1) else "2200"
