"""Raw gateway rows to normalized attempts.

One record of a source becomes an accepted ``Attempt``, a ``Quarantined`` record or a counted
exact copy; nothing else can happen to it. Token counts are whole tokens, instants naive UTC.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from .arithmetic import round_rated, to_decimal
from .read import (
    ARRIVAL_COLUMN,
    Row,
    Seeds,
    covers,
    from_epoch_microseconds,
    listed,
    parse_instant,
    recorded,
)

LITELLM = "litellm"
OTEL_GENAI = "otel_genai"

TOKEN_CLASSES = (
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "input_audio",
    "output_audio",
    "input_image",
)

# The catalogue's order of reasons: a record that breaks several rules carries the first.
QUARANTINE_REASONS = (
    "CONFLICT_DUP",
    "AMBIGUOUS_DUP",
    "TOKEN_NEGATIVE",
    "TOKEN_NEGATIVE_NET",
    "TOKEN_PARSE",
    "TOKEN_CONVENTION_UNKNOWN",
    "TOKEN_IMPOSSIBLE",
    "FUTURE_TS",
    "TS_RANGE",
)

EARLIEST_INSTANT = datetime(2020, 1, 1)
LATEST_INSTANT = datetime(2100, 1, 1)
FUTURE_TOLERANCE = timedelta(minutes=5)
IMPOSSIBLE_CONTEXT_MULTIPLE = 10
NEGATIVE_NET_LIMIT = Decimal("0.01")

DEFAULT_PRECEDENCE = {LITELLM: 10, OTEL_GENAI: 20, "langfuse": 30}
UNKNOWN_SOURCE_PRECEDENCE = 1_000_000

ENVIRONMENTS = ("prod", "staging", "dev", "sandbox", "eval")
ON_DEMAND_TIERS = (None, "standard", "default")
PRICED_TIERS = ("flex", "priority", "batch")

CALL_TYPE_OPERATIONS = {
    "acompletion": "chat",
    "anthropic_messages": "chat",
    "aresponses": "chat",
    "aembedding": "embeddings",
}
INFERENCE_OPERATIONS = ("chat", "text_completion", "generate_content", "embeddings")
TREE_ROOT_OPERATIONS = ("invoke_workflow", "invoke_agent")

GROUPED_DIGITS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")


class TokenParseError(ValueError):
    """A token count that is no whole number."""


class ReferenceConflict(Exception):
    """Reference rows that name two winners for one key."""


@dataclass(frozen=True)
class Convention:
    """How a source counts: which parts its input and output totals include."""

    is_cache_read_in_input: bool = True
    is_cache_write_in_input: bool = True
    is_audio_in_input: bool = True
    is_image_in_input: bool = True
    is_reasoning_in_output: bool = True
    is_audio_in_output: bool = True


@dataclass(frozen=True)
class Attempt:
    """One upstream call as its source tells it, in the project's own words."""

    attempt_id: str
    source_name: str
    source_record_id: str
    provider_response_id: str | None
    interaction_id: str
    run_id: str
    step_id: str
    parent_step_id: str | None
    session_id: str | None
    application_id: str | None
    workflow_id: str | None
    component_id: str | None
    component_version: str | None
    cost_center_tag: str | None
    provider_logged: str | None
    provider_id: str | None
    model_requested: str | None
    model_served: str | None
    model_id: str | None
    region_id: str | None
    deployment_id: str | None
    billing_account_id: str | None
    commitment_id: str | None
    environment: str
    operation: str
    pricing_mode: str
    service_tier_served: str | None
    attempt_grain: str
    attempt_role: str
    status: str
    error_class: str
    usage_source: str
    retries_reported: int
    fallbacks_reported: int
    tokens: dict[str, int]
    reasoning_tokens: int
    context_tokens: int
    gateway_reported_cost_usd: Decimal | None
    latency_seconds: Decimal | None
    is_gateway_cache_hit: bool
    is_streamed: bool
    started_at: datetime
    ended_at: datetime | None
    ingested_at: datetime
    record_hash: str
    flags: tuple[str, ...] = ()
    is_cost_bearing: bool = True
    bearing_attempt_id: str | None = None

    @property
    def total_tokens(self) -> int:
        """All billable tokens, each counted once."""
        return sum(self.tokens.values())

    @property
    def lookup_mode(self) -> str:
        """Pricing mode under which a price is looked up; committed use has no price of its own."""
        if self.pricing_mode in ("committed", "committed_spill"):
            return "on_demand"
        return self.pricing_mode

    @property
    def is_success(self) -> bool:
        return self.status == "success"


@dataclass(frozen=True)
class Quarantined:
    """A record that takes no part in any total, with the money it may stand for (USD)."""

    source_name: str
    source_record_id: str
    reason: str
    reasons: tuple[str, ...]
    ingested_at: datetime | None
    gateway_reported_cost_usd: Decimal | None
    attempt: Attempt | None = None
    estimated_usd: Decimal | None = None


@dataclass
class Normalized:
    """What became of every raw row known at the knowledge time."""

    attempts: list[Attempt] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    exact_duplicates: Counter[str] = field(default_factory=Counter)
    source_rows: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Record:
    """One raw row with its key, arrival and content hash."""

    source_name: str
    source_record_id: str
    is_synthetic_id: bool
    ingested_at: datetime | None
    record_hash: str
    row: Row


def attempt_id_of(source_name: str, source_record_id: str) -> str:
    """Key of the attempt: md5 over source and record id."""
    return hashlib.md5(f"{source_name}|{source_record_id}".encode()).hexdigest()


def parse_count(value: object) -> tuple[int, bool]:
    """Token count and whether its writing had to be repaired; missing counts as 0.

    Lossless writings (``"1,234"``, ``"1e3"``, ``12.0``) are repaired. Raises
    ``TokenParseError`` for everything else that is no whole number.
    """
    if value is None:
        return 0, False
    if isinstance(value, bool):
        raise TokenParseError(repr(value))
    if isinstance(value, int):
        return value, False
    text = str(value).strip()
    if not text:
        return 0, False
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text), False
    if GROUPED_DIGITS.fullmatch(text):
        return int(text.replace(",", "")), True
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise TokenParseError(text) from error
    if not number.is_finite() or number != number.to_integral_value():
        raise TokenParseError(text)
    return int(number), True


class Counts:
    """Reads token counts of one record and remembers what went wrong on the way."""

    def __init__(self) -> None:
        self.is_repaired = False
        self.is_unreadable = False
        self.values: list[int] = []

    def read(self, value: object) -> int:
        try:
            count, is_repaired = parse_count(value)
        except TokenParseError:
            self.is_unreadable = True
            return 0
        self.is_repaired = self.is_repaired or is_repaired
        self.values.append(count)
        return count

    @property
    def has_negative(self) -> bool:
        return any(count < 0 for count in self.values)


def load_json(value: object) -> Any:
    """JSON text to Python with decimals; anything that is no JSON is None."""
    if value is None or isinstance(value, dict | list):
        return value
    try:
        return json.loads(str(value), parse_float=Decimal)
    except ValueError:
        return None


def as_object(value: object) -> dict[str, Any]:
    """The value as a JSON object, empty when it is none."""
    loaded = load_json(value)
    return loaded if isinstance(loaded, dict) else {}


def text_of(value: object) -> str | None:
    """Text without blanks around it; blank is None."""
    if value is None or isinstance(value, dict | list):
        return None
    text = str(value).strip()
    return text or None


def first_text(*values: object) -> str | None:
    """First value that is not blank."""
    for value in values:
        text = text_of(value)
        if text is not None:
            return text
    return None


def canonical_text(value: Any) -> str:
    """One text per content, whatever the order of keys."""
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def hash_of(payload: Any) -> str:
    return hashlib.md5(canonical_text(payload).encode()).hexdigest()


# ---------------------------------------------------------------------------
# Reference lookups
# ---------------------------------------------------------------------------


class References:
    """Reference rows known at one knowledge time, with one winner per question."""

    def __init__(self, seeds: Seeds, as_of: datetime | None) -> None:
        self._aliases: dict[str, list[Row]] = defaultdict(list)
        for row in seeds.known("model_aliases", as_of):
            self._aliases[row["alias"]].append(row)
        self._models: dict[str, list[Row]] = defaultdict(list)
        for row in seeds.known("models", as_of):
            self._models[row["model_id"]].append(row)
        self._accounts: dict[str, list[Row]] = defaultdict(list)
        for row in seeds.known("billing_accounts", as_of):
            self._accounts[row["provider_id"]].append(row)
        self._commitments: dict[str, list[Row]] = defaultdict(list)
        for row in seeds.known("commitments", as_of):
            for deployment_id in listed(row.get("deployment_ids")):
                self._commitments[deployment_id].append(row)
        self._conventions: dict[str, list[Row]] = defaultdict(list)
        for row in seeds.known("token_conventions", as_of):
            self._conventions[row["source_name"]].append(row)
        self._has_conventions = "token_conventions" in seeds.tables
        self._precedence = dict(DEFAULT_PRECEDENCE)
        for row in sorted(seeds.known("source_precedence", as_of), key=recorded):
            self._precedence[row["source_name"]] = int(row["precedence"])

    def precedence(self, source_name: str) -> int:
        return self._precedence.get(source_name, UNKNOWN_SOURCE_PRECEDENCE)

    def alias(self, text: str | None, source_name: str, at: datetime) -> Row | None:
        """Alias row for a raw model text: the source's own before ``*``, then latest recorded.

        Raises ``ReferenceConflict`` when two equal rows name different models.
        """
        rows = [
            row
            for row in self._aliases.get(text or "", [])
            if row["source_name"] in (source_name, "*") and covers(row, at)
        ]
        return _winner(
            rows,
            lambda row: (row["source_name"] != "*", recorded(row)),
            lambda row: (row["model_id"], row.get("provider_id")),
            f"model alias {text}",
        )

    def convention(
        self, source_name: str, provider_logged: str | None, at: datetime
    ) -> Convention | None:
        """Convention of a source and provider, the provider's own row before ``*``.

        None when the seed has no row for them. Without the seed both totals include everything,
        as both sources document.
        """
        if not self._has_conventions:
            return Convention()
        rows = [
            row
            for row in self._conventions.get(source_name, [])
            if row["provider_id"] in (provider_logged, "*") and covers(row, at)
        ]
        names = tuple(Convention.__dataclass_fields__)

        def meaning(row: Row) -> tuple[bool, ...]:
            return tuple((row[name] or "").strip().lower() == "true" for name in names)

        row = _winner(
            rows,
            lambda candidate: (candidate["provider_id"] != "*", recorded(candidate)),
            meaning,
            f"token convention of {source_name} {provider_logged}",
        )
        return Convention(*meaning(row)) if row else None

    def context_window(self, model_id: str | None, at: datetime) -> int | None:
        rows = [row for row in self._models.get(model_id or "", []) if covers(row, at)]
        row = _winner(
            rows,
            recorded,
            lambda candidate: candidate.get("context_window_tokens"),
            f"model {model_id}",
        )
        window = row.get("context_window_tokens") if row else None
        return int(window) if window else None

    def billing_account(
        self, provider_id: str | None, deployment_id: str | None, at: datetime
    ) -> str | None:
        """Account that pays: one that names the deployment, else the provider's default."""
        rows = []
        for row in self._accounts.get(provider_id or "", []):
            deployments = listed(row.get("deployment_ids"))
            if covers(row, at) and ("*" in deployments or deployment_id in deployments):
                rows.append(row)
        row = _winner(
            rows,
            lambda candidate: (
                deployment_id in listed(candidate.get("deployment_ids")),
                recorded(candidate),
            ),
            lambda candidate: candidate["billing_account_id"],
            f"billing account of {provider_id} {deployment_id}",
        )
        return row["billing_account_id"] if row else None

    def commitment(self, deployment_id: str | None, at: datetime) -> str | None:
        """Commitment whose term and validity hold ``at`` and which lists the deployment."""
        active = []
        for row in self._commitments.get(deployment_id or "", []):
            term_start_at = parse_instant(row.get("term_start_at"))
            term_end_at = parse_instant(row.get("term_end_at"))
            if (
                covers(row, at)
                and (term_start_at is None or at >= term_start_at)
                and (term_end_at is None or at < term_end_at)
            ):
                active.append(row["commitment_id"])
        return min(active) if active else None


def _winner(
    rows: list[Row],
    rank: Callable[[Row], Any],
    meaning: Callable[[Row], Any],
    what: str,
) -> Row | None:
    if not rows:
        return None
    best = max(rank(row) for row in rows)
    winners = [row for row in rows if rank(row) == best]
    if len({meaning(row) for row in winners}) > 1:
        raise ReferenceConflict(f"{what} has {len(winners)} equally good rows")
    return winners[0]


# ---------------------------------------------------------------------------
# Redelivery, conflicts
# ---------------------------------------------------------------------------


def build_records(
    source_name: str,
    rows: Iterable[Row],
    record_id: Callable[[Row], str | None],
    arrival: Callable[[Row], datetime | None],
    payload: Callable[[Row], Any],
    as_of: datetime | None,
) -> list[Record]:
    """Rows that had arrived at ``as_of``, with key and content hash.

    A row without an id is keyed by its content, so that a copy of it stays recognizable.
    """
    records = []
    for row in rows:
        ingested_at = arrival(row)
        if as_of is not None and (ingested_at is None or ingested_at > as_of):
            continue
        record_hash = hash_of(payload(row))
        source_record_id = record_id(row)
        records.append(
            Record(
                source_name=source_name,
                source_record_id=source_record_id or record_hash,
                is_synthetic_id=source_record_id is None,
                ingested_at=ingested_at,
                record_hash=record_hash,
                row=row,
            )
        )
    return records


def settle_copies(records: list[Record]) -> tuple[list[Record], list[tuple[Record, str]], int]:
    """Split records into kept ones, quarantined ones with reason, and a count of exact copies.

    Copies collapse to the one that arrived first. Different contents under one key of an
    immutable source are all refused: nobody knows which one is true. Two equal rows without an id
    may be two calls, so the later one is refused as ambiguous.
    """
    by_key: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_key[record.source_record_id].append(record)
    kept: list[Record] = []
    refused: list[tuple[Record, str]] = []
    exact_copies = 0
    for copies in by_key.values():
        copies.sort(key=lambda copy: (copy.ingested_at or datetime.min, copy.record_hash))
        if copies[0].is_synthetic_id:
            kept.append(copies[0])
            refused.extend((copy, "AMBIGUOUS_DUP") for copy in copies[1:])
            continue
        versions: dict[str, Record] = {}
        for copy in copies:
            if copy.record_hash in versions:
                exact_copies += 1
            else:
                versions[copy.record_hash] = copy
        if len(versions) == 1:
            kept.extend(versions.values())
        else:
            refused.extend((version, "CONFLICT_DUP") for version in versions.values())
    return kept, refused, exact_copies


# ---------------------------------------------------------------------------
# LiteLLM
# ---------------------------------------------------------------------------


def litellm_arrival(row: Row) -> datetime | None:
    return parse_instant(row.get(ARRIVAL_COLUMN)) or parse_instant(row.get("created_at"))


def litellm_payload(row: Row) -> Any:
    """Content of a spend log row: no arrival times, no embedded price row, no error text."""
    payload = {
        name: value
        for name, value in row.items()
        if name not in (ARRIVAL_COLUMN, "created_at", "metadata", "request_tags")
    }
    metadata = dict(as_object(row.get("metadata")))
    metadata["model_map_information"] = as_object(metadata.get("model_map_information")).get(
        "model_map_key"
    )
    error = as_object(metadata.get("error_information"))
    metadata["error_information"] = [error.get("error_class"), error.get("error_code")]
    payload["metadata"] = metadata
    payload["request_tags"] = load_json(row.get("request_tags"))
    return payload


def _tag(tags: list[str], prefix: str) -> str | None:
    for tag in tags:
        if tag.startswith(prefix):
            return text_of(tag[len(prefix) :])
    return None


def _litellm_status(row: Row, error: dict[str, Any], metadata: dict[str, Any]) -> str:
    if text_of(error.get("error_class")) == "ClientDisconnected":
        return "client_cancelled"
    if text_of(row.get("status")) == "success":
        return "success"
    if metadata.get("attempted_retries") is None:
        return "gateway_rejected"
    if text_of(error.get("error_code")) == "content_filter":
        return "blocked"
    return "provider_error"


def _error_class(name: str | None, code: str | None) -> str:
    if name is None and code is None:
        return "none"
    label = (name or "").lower()
    if "disconnect" in label or "cancel" in label:
        return "cancelled"
    if "budget" in label or "modelaccess" in label:
        return "policy_blocked"
    if code == "content_filter" or "contentpolicy" in label or "content_filter" in label:
        return "content_filter"
    if "ratelimit" in label or code == "429":
        return "throttled"
    if "timeout" in label or code in ("408", "504"):
        return "timeout"
    if (code or "").startswith("5") or "internalserver" in label or "unavailable" in label:
        return "provider_5xx"
    if (code or "").startswith("4"):
        return "client"
    return "unknown"


def _pricing_mode(tier: str | None) -> str:
    if tier in ON_DEMAND_TIERS:
        return "on_demand"
    return tier if tier in PRICED_TIERS else "unknown"


@dataclass(frozen=True)
class Usage:
    """Disjoint token classes and the whole prompt, which decides the price band."""

    tokens: dict[str, int]
    context_tokens: int
    has_negative_rest: bool


def disjoint_usage(
    prompt: int, completion: int, reasoning: int, parts: dict[str, int], convention: Convention
) -> Usage:
    """Classes that share no token, from a source's totals and parts."""
    tokens = dict.fromkeys(TOKEN_CLASSES, 0)
    tokens.update(parts)
    input_parts = (
        ("cache_read", convention.is_cache_read_in_input),
        ("cache_write_5m", convention.is_cache_write_in_input),
        ("cache_write_1h", convention.is_cache_write_in_input),
        ("input_audio", convention.is_audio_in_input),
        ("input_image", convention.is_image_in_input),
    )
    tokens["input_uncached"] = prompt - sum(
        tokens[name] for name, is_included in input_parts if is_included
    )
    tokens["output"] = completion
    if convention.is_audio_in_output:
        tokens["output"] -= tokens["output_audio"]
    if not convention.is_reasoning_in_output:
        tokens["output"] += reasoning
    return Usage(
        tokens=tokens,
        context_tokens=prompt
        + sum(tokens[name] for name, is_included in input_parts if not is_included),
        has_negative_rest=tokens["input_uncached"] < 0 or tokens["output"] < 0,
    )


def _latency(started_at: datetime, ended_at: datetime | None) -> Decimal | None:
    if ended_at is None or ended_at < started_at:
        return None
    elapsed = ended_at - started_at
    microseconds = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
    return Decimal(microseconds).scaleb(-6)


def _instant_reasons(started_at: datetime | None, ingested_at: datetime | None) -> list[str]:
    if started_at is None:
        return ["TS_RANGE"]
    reasons = []
    if ingested_at is not None and started_at > ingested_at + FUTURE_TOLERANCE:
        reasons.append("FUTURE_TS")
    if not EARLIEST_INSTANT <= started_at < LATEST_INSTANT:
        reasons.append("TS_RANGE")
    return reasons


def _reported_cost(value: object) -> Decimal | None:
    try:
        amount = to_decimal(value)
    except InvalidOperation:
        return None
    if amount is None or not amount.is_finite():
        return None
    return round_rated(amount)


def _settle_usage(
    source_name: str,
    provider_logged: str | None,
    at: datetime,
    prompt: int,
    completion: int,
    reasoning: int,
    parts: dict[str, int],
    counts: Counts,
    references: References,
    reasons: list[str],
) -> Usage:
    """Disjoint usage; adds to ``reasons`` what makes the counts unfit for rating."""
    convention = references.convention(source_name, provider_logged, at)
    usage = disjoint_usage(prompt, completion, reasoning, parts, convention or Convention())
    if counts.has_negative:
        reasons.append("TOKEN_NEGATIVE")
    elif usage.has_negative_rest and not counts.is_unreadable:
        reasons.append("TOKEN_NEGATIVE_NET")
    if counts.is_unreadable:
        reasons.append("TOKEN_PARSE")
    if convention is None:
        reasons.append("TOKEN_CONVENTION_UNKNOWN")
    return usage


def litellm_attempt(
    record: Record, references: References, key_metadata: dict[str, dict[str, Any]]
) -> tuple[Attempt, list[str]]:
    """Normalized attempt of a spend log row and the reasons, if any, to refuse it."""
    row = record.row
    metadata = as_object(row.get("metadata"))
    caller = as_object(metadata.get("spend_logs_metadata"))
    usage = as_object(metadata.get("usage_object"))
    prompt_details = as_object(usage.get("prompt_tokens_details"))
    write_details = as_object(prompt_details.get("cache_creation_token_details"))
    completion_details = as_object(usage.get("completion_tokens_details"))
    cost_breakdown = as_object(metadata.get("cost_breakdown"))
    error = as_object(metadata.get("error_information"))
    spillover = as_object(metadata.get("azure_spillover"))
    loaded_tags = load_json(row.get("request_tags"))
    tags = [str(tag) for tag in loaded_tags] if isinstance(loaded_tags, list) else []
    key = key_metadata.get(text_of(row.get("api_key")) or "", {})

    flags: list[str] = []
    reasons: list[str] = []
    if record.is_synthetic_id:
        flags.append("SYNTH_ID")

    counts = Counts()
    prompt = counts.read(row.get("prompt_tokens"))
    completion = counts.read(row.get("completion_tokens"))
    cache_read = counts.read(prompt_details.get("cached_tokens"))
    written = counts.read(prompt_details.get("cache_creation_tokens"))
    written_5m = counts.read(write_details.get("ephemeral_5m_input_tokens"))
    written_1h = counts.read(write_details.get("ephemeral_1h_input_tokens"))
    # Writes without a time to live are priced at the shorter one.
    if written > written_5m + written_1h:
        written_5m = written - written_1h
        flags.append("CACHE_TTL_UNKNOWN")
    reasoning = counts.read(completion_details.get("reasoning_tokens"))
    parts = {
        "cache_read": cache_read,
        "cache_write_5m": written_5m,
        "cache_write_1h": written_1h,
        "input_audio": counts.read(prompt_details.get("audio_tokens")),
        "output_audio": counts.read(completion_details.get("audio_tokens")),
        "input_image": counts.read(prompt_details.get("image_tokens")),
    }
    if row.get("total_tokens") is not None:
        total = counts.read(row.get("total_tokens"))
        if not counts.is_unreadable and total != prompt + completion:
            flags.append("TOTAL_MISMATCH")
    if reasoning > completion:
        flags.append("REASONING_ABOVE_OUTPUT")
    if counts.is_repaired:
        flags.append("TOKEN_REPAIRED")
    started_at = parse_instant(row.get("startTime"))
    ended_at = parse_instant(row.get("endTime"))
    reasons.extend(_instant_reasons(started_at, record.ingested_at))
    started = started_at or EARLIEST_INSTANT
    provider_logged = text_of(row.get("custom_llm_provider"))
    usage_counts = _settle_usage(
        LITELLM,
        provider_logged,
        started,
        prompt,
        completion,
        reasoning,
        parts,
        counts,
        references,
        reasons,
    )
    if ended_at is not None and ended_at < started:
        flags.append("CLOCK_SKEW")
    first_token_at = parse_instant(row.get("completionStartTime"))

    is_cache_hit = text_of(row.get("cache_hit")) == "True"
    is_failure = text_of(row.get("status")) != "success"
    status = _litellm_status(row, error, metadata)
    call_type = text_of(row.get("call_type"))
    operation = CALL_TYPE_OPERATIONS.get(call_type or "", "unknown")

    if prompt + completion <= 0:
        usage_source = "none"
    elif is_failure or (status == "client_cancelled" and not usage):
        usage_source = "gateway_estimate"
    else:
        usage_source = "provider"
    if status == "client_cancelled" and usage_source == "gateway_estimate":
        flags.append("EST_USAGE")

    interaction_id = first_text(caller.get("interaction_id"), caller.get("workflow_run_id"))
    if interaction_id is None:
        interaction_id = record.source_record_id
        flags.append("SYNTH_INTERACTION")
    workflow_run_id = text_of(caller.get("workflow_run_id"))
    step = text_of(caller.get("step"))

    is_spill = text_of(spillover.get("from_deployment")) is not None
    tier = first_text(usage.get("service_tier"), cost_breakdown.get("service_tier"))
    deployment_id = text_of(row.get("model_id"))
    commitment_id = references.commitment(deployment_id, started)
    if is_spill:
        pricing_mode = "committed_spill"
    elif commitment_id is not None:
        pricing_mode = "committed"
    else:
        pricing_mode = _pricing_mode(tier)
        if pricing_mode == "unknown":
            flags.append("UNKNOWN_TIER")

    # The gateway's own counters decide no money, so an unreadable one refuses nothing.
    counters = Counts()
    fallbacks = counters.read(metadata.get("attempted_fallbacks"))
    retries = counters.read(metadata.get("attempted_retries"))
    if is_cache_hit:
        role = "cache_replay"
    elif is_spill:
        role = "spill"
    elif fallbacks > 0:
        role = "fallback"
    else:
        role = "primary"

    model_served = first_text(
        as_object(metadata.get("model_map_information")).get("model_map_key"), row.get("model")
    )
    alias = references.alias(model_served, LITELLM, started)
    provider_id = (alias or {}).get("provider_id") or provider_logged
    model_id = alias["model_id"] if alias else model_served

    environment = first_text(_tag(tags, "env:"), key.get("environment"))
    has_response_id = not (
        is_cache_hit or is_failure or operation == "embeddings" or record.is_synthetic_id
    )
    attempt = Attempt(
        attempt_id=attempt_id_of(LITELLM, record.source_record_id),
        source_name=LITELLM,
        source_record_id=record.source_record_id,
        provider_response_id=record.source_record_id if has_response_id else None,
        interaction_id=interaction_id,
        run_id=workflow_run_id or interaction_id,
        step_id=f"{workflow_run_id}:{step}"
        if workflow_run_id and step
        else record.source_record_id,
        parent_step_id=None,
        session_id=text_of(row.get("session_id")),
        application_id=first_text(
            caller.get("application"), _tag(tags, "app:"), key.get("application")
        ),
        workflow_id=first_text(caller.get("workflow"), _tag(tags, "wf:")),
        component_id=first_text(caller.get("agent"), row.get("agent_id")),
        component_version=None,
        cost_center_tag=first_text(caller.get("cost_center"), _tag(tags, "cc:")),
        provider_logged=provider_logged,
        provider_id=provider_id,
        model_requested=first_text(metadata.get("original_model_group"), row.get("model_group")),
        model_served=model_served,
        model_id=model_id,
        region_id=first_text(
            usage.get("inference_geo"),
            cost_breakdown.get("vertex_location"),
            cost_breakdown.get("data_residency"),
        ),
        deployment_id=deployment_id,
        billing_account_id=references.billing_account(provider_id, deployment_id, started),
        commitment_id=commitment_id if pricing_mode == "committed" else None,
        environment=environment if environment in ENVIRONMENTS else "unknown",
        operation=operation,
        pricing_mode=pricing_mode,
        service_tier_served=tier,
        attempt_grain="call",
        attempt_role=role,
        status=status,
        error_class=_error_class(
            text_of(error.get("error_class")), text_of(error.get("error_code"))
        ),
        usage_source=usage_source,
        retries_reported=retries,
        fallbacks_reported=fallbacks,
        tokens=usage_counts.tokens,
        reasoning_tokens=reasoning,
        context_tokens=usage_counts.context_tokens,
        gateway_reported_cost_usd=_reported_cost(row.get("spend")),
        latency_seconds=_latency(started, ended_at),
        is_gateway_cache_hit=is_cache_hit,
        is_streamed=first_token_at is not None
        and ended_at is not None
        and first_token_at < ended_at,
        started_at=started,
        ended_at=ended_at,
        ingested_at=record.ingested_at or started,
        record_hash=record.record_hash,
        flags=tuple(flags),
    )
    if _is_impossible(attempt, references):
        reasons.append("TOKEN_IMPOSSIBLE")
    return attempt, reasons


def _is_impossible(attempt: Attempt, references: References) -> bool:
    window = references.context_window(attempt.model_id, attempt.started_at)
    if window is None:
        return False
    largest = max(attempt.context_tokens, attempt.tokens["output"] + attempt.tokens["output_audio"])
    return largest > IMPOSSIBLE_CONTEXT_MULTIPLE * window


def keys_by_token(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """Metadata of each gateway key; of several copies the one that arrived last."""
    ordered = sorted(rows, key=lambda row: parse_instant(row.get(ARRIVAL_COLUMN)) or datetime.min)
    return {
        token: as_object(row.get("metadata"))
        for row in ordered
        if (token := text_of(row.get("token"))) is not None
    }


# ---------------------------------------------------------------------------
# OpenTelemetry
# ---------------------------------------------------------------------------

OTEL_CONTENT = re.compile(
    r"gen_ai\.(input\.messages|output\.messages|system_instructions|completion\.|prompt\.)"
    r"|llm\.request\.functions\.|exception|error\.message|error\.stack_trace|hidden_params"
    r"|metadata\.requester_|metadata\.user_api_key_user_email"
)


def otlp_value(value: Any) -> Any:
    """Plain value of an attribute, whether flattened or still in its OTLP wrapper."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, inner),) = value.items()
        if kind == "arrayValue":
            return [otlp_value(member) for member in as_object(inner).get("values", [])]
        if kind in ("stringValue", "intValue", "doubleValue", "boolValue"):
            return inner
    return value


def attributes_of(value: object) -> dict[str, Any]:
    """Attributes without content, by name."""
    loaded = load_json(value)
    if isinstance(loaded, list):
        loaded = {member["key"]: member.get("value") for member in loaded if "key" in member}
    if not isinstance(loaded, dict):
        return {}
    return {
        name: otlp_value(inner) for name, inner in loaded.items() if not OTEL_CONTENT.match(name)
    }


def _nanoseconds(value: object) -> datetime | None:
    try:
        count, _ = parse_count(value)
    except TokenParseError:
        return None
    return from_epoch_microseconds(count // 1000) if count else None


@dataclass(frozen=True)
class Span:
    """One span of a trace with its attributes parsed once."""

    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None
    attributes: dict[str, Any]
    started_at: datetime | None

    @property
    def operation(self) -> str | None:
        raw = text_of(self.attributes.get("gen_ai.operation.name"))
        return CALL_TYPE_OPERATIONS.get(raw or "", raw)


def span_of(row: Row) -> Span:
    return Span(
        trace_id=text_of(row.get("trace_id")),
        span_id=text_of(row.get("span_id")),
        parent_span_id=text_of(row.get("parent_span_id")),
        attributes=attributes_of(row.get("attributes")),
        started_at=_nanoseconds(row.get("start_time_unix_nano")),
    )


class Tree:
    """Parents of the spans of all traces."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans: dict[tuple[str | None, str | None], Span] = {}
        for span in spans:
            self._spans.setdefault((span.trace_id, span.span_id), span)
        self._roots: dict[str | None, list[Span]] = defaultdict(list)
        for span in self._spans.values():
            if span.operation in TREE_ROOT_OPERATIONS and not any(
                ancestor.operation in TREE_ROOT_OPERATIONS for ancestor in self.ancestors(span)
            ):
                self._roots[span.trace_id].append(span)
        for roots in self._roots.values():
            roots.sort(key=lambda root: (root.started_at or datetime.min, root.span_id or ""))

    def ancestors(self, span: Span) -> list[Span]:
        """Parents from the nearest up; a circle of parents ends where it closes."""
        chain: list[Span] = []
        seen = {span.span_id}
        parent_id = span.parent_span_id
        while parent_id is not None and parent_id not in seen:
            seen.add(parent_id)
            parent = self._spans.get((span.trace_id, parent_id))
            if parent is None:
                break
            chain.append(parent)
            parent_id = parent.parent_span_id
        return chain

    def interaction_of(self, span: Span) -> str | None:
        """Topmost agent or workflow span above this one, else the first of the trace."""
        above = [
            ancestor
            for ancestor in self.ancestors(span)
            if ancestor.operation in TREE_ROOT_OPERATIONS
        ]
        if above:
            return above[-1].span_id
        roots = self._roots.get(span.trace_id)
        return roots[0].span_id if roots else span.trace_id

    def nearest(self, span: Span, *names: str) -> str | None:
        """First of the attributes on the span itself, then on each ancestor in turn."""
        for candidate in (span, *self.ancestors(span)):
            value = first_text(*(candidate.attributes.get(name) for name in names))
            if value is not None:
                return value
        return None


def otel_record_id(row: Row) -> str | None:
    """Trace and span id joined without a separator; None when either is blank."""
    trace_id, span_id = text_of(row.get("trace_id")), text_of(row.get("span_id"))
    return f"{trace_id}{span_id}" if trace_id and span_id else None


def otel_arrival(row: Row) -> datetime | None:
    return parse_instant(row.get(ARRIVAL_COLUMN)) or _nanoseconds(row.get("end_time_unix_nano"))


def otel_payload(row: Row) -> Any:
    payload = {
        name: value
        for name, value in row.items()
        if name not in (ARRIVAL_COLUMN, "attributes", "resource_attributes")
    }
    payload["attributes"] = attributes_of(row.get("attributes"))
    payload["resource_attributes"] = attributes_of(row.get("resource_attributes"))
    return payload


def is_inference(row: Row) -> bool:
    """Model calls carry usage and money; agents, workflows and tools only shape the tree."""
    return span_of(row).operation in INFERENCE_OPERATIONS


def otel_attempt(record: Record, references: References, tree: Tree) -> tuple[Attempt, list[str]]:
    """Normalized attempt of an inference span and the reasons, if any, to refuse it."""
    row = record.row
    span = span_of(row)
    attributes = span.attributes
    resource = attributes_of(row.get("resource_attributes"))

    def attribute(*names: str) -> Any:
        for name in names:
            value = attributes.get(name)
            if value is not None and value != "":
                return value
        return None

    flags: list[str] = []
    reasons: list[str] = []
    if record.is_synthetic_id:
        flags.append("SYNTH_ID")

    counts = Counts()
    prompt = counts.read(attribute("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"))
    completion = counts.read(
        attribute("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
    )
    written = counts.read(
        attribute(
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
        )
    )
    if written > 0:
        flags.append("CACHE_TTL_UNKNOWN")
    parts = {
        "cache_read": counts.read(attribute("gen_ai.usage.cache_read.input_tokens")),
        "cache_write_5m": written,
        "input_audio": counts.read(attribute("gen_ai.usage.audio.input_tokens")),
        "output_audio": counts.read(attribute("gen_ai.usage.audio.output_tokens")),
        "input_image": counts.read(attribute("gen_ai.usage.image.input_tokens")),
    }
    reasoning = counts.read(attribute("gen_ai.usage.reasoning.output_tokens"))
    if reasoning > completion:
        flags.append("REASONING_ABOVE_OUTPUT")
    if counts.is_repaired:
        flags.append("TOKEN_REPAIRED")
    # A client library counts how often it sent a request again.
    is_resent = Counts().read(attribute("http.request.resend_count")) > 0
    started_at = span.started_at
    ended_at = _nanoseconds(row.get("end_time_unix_nano"))
    reasons.extend(_instant_reasons(started_at, record.ingested_at))
    started = started_at or EARLIEST_INSTANT
    provider_logged = text_of(attribute("gen_ai.provider.name", "gen_ai.system"))
    usage_counts = _settle_usage(
        OTEL_GENAI,
        provider_logged,
        started,
        prompt,
        completion,
        reasoning,
        parts,
        counts,
        references,
        reasons,
    )
    if ended_at is not None and ended_at < started:
        flags.append("CLOCK_SKEW")

    error_type = text_of(attribute("error.type"))
    status_code = text_of(row.get("status_code"))
    is_error = error_type is not None or (status_code or "").upper() in (
        "2",
        "ERROR",
        "STATUS_CODE_ERROR",
    )

    tier = text_of(attribute("openai.response.service_tier", "gen_ai.openai.response.service_tier"))
    pricing_mode = _pricing_mode(tier)
    if pricing_mode == "unknown":
        flags.append("UNKNOWN_TIER")

    model_requested = text_of(attribute("gen_ai.request.model"))
    model_served = text_of(attribute("gen_ai.response.model")) or model_requested
    alias = references.alias(model_served, OTEL_GENAI, started)
    provider_id = (alias or {}).get("provider_id") or provider_logged
    model_id = alias["model_id"] if alias else model_served

    environment = first_text(
        resource.get("deployment.environment.name"), resource.get("deployment.environment")
    )
    interaction_id = tree.interaction_of(span) or record.source_record_id
    attempt = Attempt(
        attempt_id=attempt_id_of(OTEL_GENAI, record.source_record_id),
        source_name=OTEL_GENAI,
        source_record_id=record.source_record_id,
        provider_response_id=text_of(attribute("gen_ai.response.id")),
        interaction_id=interaction_id,
        run_id=span.trace_id or interaction_id,
        step_id=span.span_id or record.source_record_id,
        parent_step_id=span.parent_span_id,
        session_id=tree.nearest(span, "gen_ai.conversation.id"),
        application_id=text_of(resource.get("service.name")),
        workflow_id=tree.nearest(span, "gen_ai.workflow.name"),
        component_id=tree.nearest(span, "gen_ai.agent.id", "gen_ai.agent.name"),
        component_version=tree.nearest(span, "gen_ai.agent.version"),
        cost_center_tag=text_of(resource.get("cost_center")),
        provider_logged=provider_logged,
        provider_id=provider_id,
        model_requested=model_requested,
        model_served=model_served,
        model_id=model_id,
        region_id=None,
        deployment_id=None,
        billing_account_id=references.billing_account(provider_id, None, started),
        commitment_id=None,
        environment=environment if environment in ENVIRONMENTS else "unknown",
        operation=span.operation or "unknown",
        pricing_mode=pricing_mode,
        service_tier_served=tier,
        attempt_grain="attempt",
        attempt_role="retry" if is_resent else "primary",
        status="provider_error" if is_error else "success",
        error_class=_error_class(error_type, _status_number(error_type))
        if error_type
        else ("unknown" if is_error else "none"),
        usage_source="provider" if prompt + completion > 0 else "none",
        retries_reported=0,
        fallbacks_reported=0,
        tokens=usage_counts.tokens,
        reasoning_tokens=reasoning,
        context_tokens=usage_counts.context_tokens,
        gateway_reported_cost_usd=_reported_cost(attribute("gen_ai.cost.total_cost")),
        latency_seconds=_latency(started, ended_at),
        is_gateway_cache_hit=False,
        is_streamed=str(attribute("gen_ai.request.stream")).lower() == "true",
        started_at=started,
        ended_at=ended_at,
        ingested_at=record.ingested_at or started,
        record_hash=record.record_hash,
        flags=tuple(flags),
    )
    if _is_impossible(attempt, references):
        reasons.append("TOKEN_IMPOSSIBLE")
    return attempt, reasons


def _status_number(error_type: str | None) -> str | None:
    return error_type if error_type and error_type.isdigit() else None


# ---------------------------------------------------------------------------
# All sources together
# ---------------------------------------------------------------------------


def normalize(
    raw: dict[tuple[str, str], list[Row]],
    seeds: Seeds,
    sources: Iterable[str],
    as_of: datetime | None,
) -> Normalized:
    """Attempts of all sources with exactly one cost bearer per provider response."""
    references = References(seeds, as_of)
    result = Normalized()
    for source_name in sources:
        if source_name == LITELLM:
            key_metadata = keys_by_token(raw.get((LITELLM, "keys"), []))
            records = build_records(
                LITELLM,
                raw.get((LITELLM, "spend_logs"), []),
                lambda row: text_of(row.get("request_id")),
                litellm_arrival,
                litellm_payload,
                as_of,
            )

            def make(
                record: Record, keys: dict[str, dict[str, Any]] = key_metadata
            ) -> tuple[Attempt, list[str]]:
                return litellm_attempt(record, references, keys)

        elif source_name == OTEL_GENAI:
            rows = raw.get((OTEL_GENAI, "spans"), [])
            if as_of is not None:
                rows = [row for row in rows if (otel_arrival(row) or datetime.max) <= as_of]
            tree = Tree(span_of(row) for row in rows)
            records = build_records(
                OTEL_GENAI,
                (row for row in rows if is_inference(row)),
                otel_record_id,
                otel_arrival,
                otel_payload,
                as_of,
            )

            def make(record: Record, spans: Tree = tree) -> tuple[Attempt, list[str]]:
                return otel_attempt(record, references, spans)

        else:
            continue
        _accept(source_name, records, make, result)
    result.attempts = choose_cost_bearers(result.attempts, references)
    return result


def _accept(
    source_name: str,
    records: list[Record],
    make: Callable[[Record], tuple[Attempt, list[str]]],
    result: Normalized,
) -> None:
    kept, refused, exact_copies = settle_copies(records)
    result.source_rows[source_name] += len(records)
    result.exact_duplicates[source_name] += exact_copies
    negative_net = 0
    for record, copy_reason in [(record, None) for record in kept] + refused:
        attempt, reasons = make(record)
        if copy_reason is not None:
            reasons.append(copy_reason)
        if not reasons:
            result.attempts.append(attempt)
            continue
        reasons.sort(key=QUARANTINE_REASONS.index)
        negative_net += "TOKEN_NEGATIVE_NET" in reasons
        result.quarantined.append(
            Quarantined(
                source_name=source_name,
                source_record_id=record.source_record_id,
                reason=reasons[0],
                reasons=tuple(reasons),
                ingested_at=record.ingested_at,
                gateway_reported_cost_usd=attempt.gateway_reported_cost_usd,
                attempt=attempt,
            )
        )
    if records and negative_net > NEGATIVE_NET_LIMIT * len(records):
        result.failures.append(
            f"{source_name}: {negative_net} of {len(records)} rows break the token convention"
        )


def choose_cost_bearers(attempts: list[Attempt], references: References) -> list[Attempt]:
    """Leave the money of each provider response with the source nearest the provider.

    Of two records of one source the smaller attempt id bears it.
    """
    by_response: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        if attempt.provider_response_id is not None:
            by_response[attempt.provider_response_id].append(attempt)
    bearer_of: dict[str, str] = {}
    for group in by_response.values():
        bearer = min(
            group, key=lambda one: (references.precedence(one.source_name), one.attempt_id)
        )
        for attempt in group:
            if attempt is not bearer:
                bearer_of[attempt.attempt_id] = bearer.attempt_id
    return [
        replace(
            attempt,
            is_cost_bearing=False,
            bearing_attempt_id=bearer_of[attempt.attempt_id],
            flags=(*attempt.flags, "CHAINED_DUP"),
        )
        if attempt.attempt_id in bearer_of
        else attempt
        for attempt in attempts
    ]
