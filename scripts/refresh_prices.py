"""Turn the public LiteLLM price map into effective-dated price rows.

    python scripts/refresh_prices.py MAP.json --source-label 1.106.2

reads one JSON file (USD per single unit, current state only) and brings three seeds up to date:
`price_list.csv`, `models.csv` and `model_aliases.csv`.

What it guarantees
- Numbers are read as decimal text and stay decimals; no float touches a price.
- Nothing is forgotten. An unchanged price keeps its row byte for byte. A changed price closes the
  old row (only `valid_until_at` moves) and opens a new one. A model that left the map keeps its
  rows. `--correction` leaves the old row alone and adds one with the same validity and a later
  `recorded_at`. Rows whose `source` is not `litellm_price_map ...` are never touched.
- The first price ever seen for a key is valid from 2020-01-01, so that history rates. On the very
  first import it is also recorded then: nobody here knew another price before, so builds as of a
  past day must see it. In later runs it is recorded at the time of the run.
- A price that moves more than five times up or down stops the run unless `--allow-jump` names it.
- Same input, same bytes. Files are replaced atomically.

Scope: every mode of the providers in SCOPE. Other entries of the map are counted and left out.

Exit codes: 0 done, 2 bad input, 3 a price jumped without approval.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from pathlib import Path

PRICE_COLUMNS = (
    "price_id",
    "provider_id",
    "model_id",
    "billing_account_id",
    "region_id",
    "pricing_mode",
    "token_class",
    "context_from_tokens",
    "context_until_tokens",
    "volume_from_units",
    "volume_until_units",
    "unit_price",
    "unit_quantity",
    "currency",
    "valid_from_at",
    "valid_until_at",
    "recorded_at",
    "source",
)
TAIL_COLUMNS = (
    "valid_from_at",
    "valid_until_at",
    "recorded_at",
    "source",
    "approved_by",
    "change_reason",
)
MODEL_ATTRIBUTES = (
    "model_name",
    "model_family",
    "model_developer",
    "model_tier",
    "context_window_tokens",
    "retires_at",
)
MODEL_COLUMNS = ("model_id", *MODEL_ATTRIBUTES, *TAIL_COLUMNS)
ALIAS_COLUMNS = ("alias", "source_name", "provider_id", "model_id", *TAIL_COLUMNS)

FIRST_VALID_FROM = "2020-01-01 00:00:00"
OPEN_END = "9999-12-31 00:00:00"
SOURCE_WORD = "litellm_price_map"
JUMP_MARK = "approved_jump"
JUMP_LIMIT = 5
NOT_MODELS = frozenset({"sample_spec", "fallback_generalizations"})

SCOPE = frozenset(
    {
        "ai21",
        "anthropic",
        "azure",
        "azure_ai",
        "bedrock",
        "cerebras",
        "codestral",
        "cohere",
        "dashscope",
        "databricks",
        "deepseek",
        "fireworks_ai",
        "gemini",
        "groq",
        "meta_llama",
        "minimax",
        "mistral",
        "moonshot",
        "openai",
        "openrouter",
        "perplexity",
        "sambanova",
        "together_ai",
        "vertex_ai",
        "voyage",
        "xai",
        "zai",
    }
)

# The map's own provider words -> the word a LiteLLM spend log carries for the same bill.
PROVIDER_WORDS = {
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "fireworks_ai-embedding-models": "fireworks_ai",
    "text-completion-codestral": "codestral",
    "text-completion-openai": "openai",
}
# Of these, the ones a spend log really writes: their alias rows must move the provider too.
LOGGED_AS_ITSELF = frozenset(
    {"azure_text", "cohere_chat", "text-completion-codestral", "text-completion-openai"}
)

MODE_SUFFIXES = {
    "_batches": "batch",
    "_flex": "flex",
    "_priority": "priority",
    "_ultrafast": "ultrafast",
    "_balanced": "balanced",
    "_decisions": "decisions",
}

# base field -> (token class or meter, unit). The unit decides the smallest unit_quantity and
# whether a regional uplift applies (never to things sold per call).
BASE_FIELDS = {
    "input_cost_per_token": ("input_uncached", "token"),
    "output_cost_per_token": ("output", "token"),
    "output_cost_per_reasoning_token": ("output_reasoning", "token"),
    "cache_read_input_token_cost": ("cache_read", "token"),
    "input_cost_per_token_cache_hit": ("cache_read", "token"),
    "cache_creation_input_token_cost": ("cache_write_5m", "token"),
    "input_cost_per_audio_token": ("input_audio", "token"),
    "output_cost_per_audio_token": ("output_audio", "token"),
    "cache_read_input_audio_token_cost": ("cache_read_audio", "token"),
    "cache_creation_input_audio_token_cost": ("cache_write_audio", "token"),
    "input_cost_per_image_token": ("input_image", "token"),
    "output_cost_per_image_token": ("output_image", "token"),
    "cache_read_input_image_token_cost": ("cache_read_image", "token"),
    "input_cost_per_video_token": ("input_video", "token"),
    "output_cost_per_video_token": ("output_video", "token"),
    "citation_cost_per_token": ("citation", "token"),
    "input_cost_per_character": ("input_character", "small"),
    "output_cost_per_character": ("output_character", "small"),
    "input_cost_per_pixel": ("input_pixel", "small"),
    "output_cost_per_pixel": ("output_pixel", "small"),
    "input_cost_per_second": ("input_second", "large"),
    "output_cost_per_second": ("output_second", "large"),
    "input_cost_per_audio_per_second": ("input_audio_second", "large"),
    "input_cost_per_video_per_second": ("input_video_second", "large"),
    "output_cost_per_audio_per_second": ("output_audio_second", "large"),
    "output_cost_per_video_per_second": ("output_video_second", "large"),
    "input_cost_per_image": ("input_image_unit", "large"),
    "output_cost_per_image": ("image", "large"),
    "input_cost_per_query": ("query", "call"),
    "input_cost_per_request": ("request", "call"),
    "input_cost_per_text_message": ("text_message", "call"),
    "code_interpreter_cost_per_session": ("code_interpreter_session", "call"),
    "google_maps_grounding_cost_per_query": ("maps_query", "call"),
    "ocr_cost_per_page": ("page", "call"),
    "annotation_cost_per_page": ("annotation_page", "call"),
}
# Meters whose resolution, size or interval is part of the field name.
VARIANT = re.compile(
    r"^(?P<base>(?:input|output)_cost_per_(?:second|video_per_second|audio_per_second|image))"
    r"_(?P<variant>\d[0-9A-Za-z.]*|above_\d+s_interval)$"
)
SEARCH_SIZES = {
    "search_context_size_low": "web_search_low",
    "search_context_size_medium": "web_search_medium",
    "search_context_size_high": "web_search_high",
}
MULTIPLIERS = frozenset(
    {
        "regional_processing_uplift_multiplier_eu",
        "regional_processing_uplift_multiplier_us",
        "regional_endpoint_uplift_multiplier",
    }
)
SKIPPED_FIELDS = {
    "cost_per_second": "legacy hourly commitment",
    "input_dbu_cost_per_token": "priced in DBU",
    "output_dbu_cost_per_token": "priced in DBU",
    "explicit_cache_read_input_token_cost": "second kind of cache",
    "off_peak_pricing": "price by hour of day",
    "ocr_cost_per_credit": "priced in credits",
}
# The map says "any regional endpoint costs 1.1 times the global one" without naming endpoints.
# These are the Vertex AI locations rows are written for; add one here to price it.
VERTEX_REGIONS = ("eu", "europe-west1", "us", "us-central1", "us-east5")

AZURE_REGIONS = frozenset({"apac", "eu", "global", "global-standard", "us", "us-gov"})
BEDROCK_PROFILES = frozenset({"apac", "au", "ca", "eu", "global", "in", "jp", "sa", "us", "us-gov"})
BEDROCK_LOCATION = re.compile(r"^[a-z]{2}(?:-[a-z]+)+-\d$")
COMMITMENT = re.compile(r"^\d+-month-commitment$")
SIZE = re.compile(r"^(?:\d+-x-\d+|max-x-max|\d+-steps|max-steps)$")
QUALITY = frozenset({"low", "medium", "high", "standard", "hd"})

UNIT_QUANTITIES = {
    "token": (1_000_000, 1_000_000_000),
    "small": (1_000_000, 1_000_000_000),
    "large": (1, 1_000, 1_000_000, 1_000_000_000),
    "call": (1, 1_000, 1_000_000, 1_000_000_000),
}
SIXTH_DECIMAL = Decimal("0.000001")
# A double carries 15 to 17 digits, so an error this small can only come from binary arithmetic.
FLOAT_DUST = Decimal("1e-14")
LARGEST_ROUNDING = Decimal("1e-6")

# First pattern that matches the model text names developer and family; none: both stay empty.
MODEL_FAMILIES = tuple(
    (re.compile(pattern), developer, family)
    for pattern, developer, family in (
        (r"claude", "anthropic", "claude"),
        (r"deepseek", "deepseek", "deepseek"),
        (r"gpt-oss", "openai", "gpt-oss"),
        (r"gpt-image|dall-e|chatgpt-image", "openai", "image"),
        (r"sora", "openai", "sora"),
        (r"whisper", "openai", "whisper"),
        (r"text-embedding-(3|ada)", "openai", "text-embedding"),
        (r"gpt|davinci|babbage|codex", "openai", "gpt"),
        (r"(^|[/.])o[134](-|$)", "openai", "o-series"),
        (r"gemini", "google", "gemini"),
        (r"gemma", "google", "gemma"),
        (r"imagen|veo-|lyria|chirp", "google", "media"),
        (r"nemotron|nvidia", "nvidia", "nemotron"),
        (r"llama", "meta", "llama"),
        (
            r"codestral|devstral|magistral|ministral|mistral|mixtral|pixtral|voxtral",
            "mistral",
            "mistral",
        ),
        (
            r"command|embed-(english|multilingual|v\d)|rerank-(english|multilingual|v\d)|cohere",
            "cohere",
            "cohere",
        ),
        (r"grok", "xai", "grok"),
        (r"qwen|qwq", "alibaba", "qwen"),
        (r"kimi|moonshot", "moonshot", "kimi"),
        (r"minimax|abab", "minimax", "minimax"),
        (r"glm", "zai", "glm"),
        (r"nova", "amazon", "nova"),
        (r"titan", "amazon", "titan"),
        (r"(^|/)phi-", "microsoft", "phi"),
        (r"jamba|(^|[/.])j2-", "ai21", "jamba"),
        (r"sonar|pplx", "perplexity", "sonar"),
        (r"voyage", "voyage", "voyage"),
    )
)
HOME_PROVIDERS = {
    "ai21": ("ai21",),
    "alibaba": ("dashscope",),
    "amazon": ("bedrock",),
    "anthropic": ("anthropic",),
    "cohere": ("cohere",),
    "deepseek": ("deepseek",),
    "google": ("gemini", "vertex_ai"),
    "meta": ("meta_llama",),
    "microsoft": ("azure_ai",),
    "minimax": ("minimax",),
    "mistral": ("mistral",),
    "moonshot": ("moonshot",),
    "openai": ("openai",),
    "perplexity": ("perplexity",),
    "voyage": ("voyage",),
    "xai": ("xai",),
    "zai": ("zai",),
}
# Tier by input + output price in USD per million tokens, on demand, smallest context band.
LARGE_ABOVE_USD = Decimal(15)
SMALL_UP_TO_USD = Decimal(6)


class BadInput(Exception):
    """The map or a seed cannot be read as what it should be; the message names the culprit."""


class UnapprovedJump(Exception):
    """At least one price moved more than JUMP_LIMIT times; the message names every one."""


@dataclass(frozen=True)
class ListPrice:
    """One price of the map: USD per single unit, whole-request context band [from, until)."""

    provider_id: str
    model_id: str
    region_id: str
    pricing_mode: str
    token_class: str
    context_from: int | None
    context_until: int | None
    usd_per_unit: Decimal
    unit: str

    @property
    def series(self) -> tuple[str, ...]:
        """The key without its band."""
        return (
            self.provider_id,
            self.model_id,
            self.region_id,
            self.pricing_mode,
            self.token_class,
        )

    @property
    def band(self) -> tuple[int | None, int | None]:
        """Context band; None is an open end."""
        return (self.context_from, self.context_until)


@dataclass(frozen=True)
class ModelKey:
    """What the key of a map entry says once prefixes are read."""

    provider_id: str
    base_model: str
    spelled_model: str
    region_id: str
    size: str


@dataclass
class Entry:
    """One in-scope entry of the map with its prices."""

    key: str
    logged_provider: str
    model: ModelKey
    attributes: dict
    prices: list[ListPrice] = field(default_factory=list)


@dataclass
class Log:
    """Everything a reader should know about what was left out, rounded or merged."""

    counts: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, reason: str, detail: str | None = None, times: int = 1) -> None:
        """Count a reason; a detail is also printed as a line."""
        self.counts[reason] += times
        if detail is not None:
            self.notes.append(f"{reason}: {detail}")


@dataclass(frozen=True)
class Run:
    """How this run dates and signs its rows. Times are UTC text, `YYYY-MM-DD HH:MM:SS`."""

    recorded_at: str
    source: str
    is_correction: bool = False
    allowed_jumps: frozenset[str] = frozenset()


@dataclass
class Difference:
    """What a run does to one seed."""

    counts: Counter = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def add(self, kind: str, line: str) -> None:
        """Count one change and keep its line."""
        self.counts[kind] += 1
        self.lines.append(f"{kind}: {line}")


# --- reading the map --------------------------------------------------------------------------


def read_map(path: Path) -> dict[str, dict]:
    """Read the map with every number as a decimal. Raises BadInput."""

    def refuse_constant(text: str) -> None:
        raise BadInput(f"{path.name}: {text} is not a number")

    def unique_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result: dict[str, object] = {}
        for key, value in pairs:
            if key in result and result[key] != value:
                raise BadInput(f"{path.name}: key {key!r} is listed twice with different content")
            result[key] = value
        return result

    try:
        content = json.loads(
            path.read_text(encoding="utf-8"),
            parse_float=Decimal,
            parse_constant=refuse_constant,
            object_pairs_hook=unique_object,
        )
    except OSError as error:
        raise BadInput(f"{path.name}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"{path.name}: not JSON ({error})") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path.name}: not a map of model names to prices")
    models = {key: value for key, value in content.items() if key not in NOT_MODELS}
    for key, value in models.items():
        if not isinstance(value, dict):
            raise BadInput(f"{key}: not an object")
        if not isinstance(value.get("litellm_provider"), str):
            raise BadInput(f"{key}: litellm_provider is missing or not text")
    return models


def price_number(key: str, name: str, value: object) -> Decimal | None:
    """Check one price. NULL is a missing price; anything else must be a number >= 0."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise BadInput(f"{key}: {name} is not a number ({value!r})")
    number = Decimal(value)
    if number < 0:
        raise BadInput(f"{key}: {name} is negative ({number})")
    return number


def provider_word(map_word: str) -> str:
    """The provider as a spend log writes it."""
    if map_word.startswith("vertex_ai-"):
        return "vertex_ai"
    return PROVIDER_WORDS.get(map_word, map_word)


def split_size(text: str) -> tuple[str, str]:
    """Split `high/1024-x-1024/name` into (`high_1024x1024`, `name`)."""
    parts = text.split("/")
    taken = 0
    while taken < len(parts) - 1 and (SIZE.match(parts[taken]) or parts[taken] in QUALITY):
        taken += 1
    if not any(SIZE.match(part) for part in parts[:taken]):
        return "", text
    size = "_".join(part.replace("-x-", "x").replace("-", "_") for part in parts[:taken])
    return size, "/".join(parts[taken:])


def read_key(key: str, map_word: str) -> ModelKey | None:
    """Take provider, region and image size out of a key. None: a legacy commitment row."""
    provider = provider_word(map_word)

    def without_provider(text: str) -> str:
        for word in (provider, map_word):
            if text.startswith(f"{word}/"):
                return text[len(word) + 1 :]
        return text

    # The image size may stand before the provider (`1024-x-1024/50-steps/bedrock/name`).
    size, text = split_size(key)
    if size:
        spelled = without_provider(text)
    else:
        size, spelled = split_size(without_provider(key))
    region, base = "*", spelled
    if provider in ("azure", "azure_ai"):
        head, _, rest = spelled.partition("/")
        if rest and head in AZURE_REGIONS:
            region, base = head, rest
    elif provider == "bedrock":
        parts = spelled.split("/")
        if any(COMMITMENT.match(part) for part in parts):
            return None
        if parts[0] == "invoke":
            parts = parts[1:]
            spelled = "/".join(parts)
        if len(parts) > 1 and BEDROCK_LOCATION.match(parts[0]):
            region, parts = parts[0], parts[1:]
        base = "/".join(parts)
        head, _, rest = base.partition(".")
        if rest and head in BEDROCK_PROFILES:
            region, base = (head if region == "*" else region), rest
    return ModelKey(provider, base, spelled, region, size)


@dataclass(frozen=True)
class FieldMeaning:
    """What a price field of the map is: class, unit, mode and the band's lower threshold."""

    token_class: str
    unit: str
    pricing_mode: str
    above_tokens: int | None


def read_field(name: str) -> FieldMeaning | None:
    """Decode a price field name by stripping its suffixes. None: not a price field we know."""
    mode, above, is_one_hour = "on_demand", None, False
    rest = name
    while True:
        for suffix, word in MODE_SUFFIXES.items():
            if rest.endswith(suffix):
                mode, rest = word, rest[: -len(suffix)]
                break
        else:
            if match := re.search(r"_above_(\d+)k_tokens$", rest):
                above, rest = int(match[1]) * 1000, rest[: match.start()]
            elif rest.endswith("_above_1hr"):
                is_one_hour, rest = True, rest.removesuffix("_above_1hr")
            else:
                break
    variant = ""
    if match := VARIANT.match(rest):
        rest, variant = match["base"], "_" + match["variant"].lower().replace(".", "_")
    if rest not in BASE_FIELDS:
        return None
    token_class, unit = BASE_FIELDS[rest]
    if is_one_hour:
        if token_class != "cache_write_5m":
            return None
        token_class = "cache_write_1h"
    return FieldMeaning(token_class + variant, unit, mode, above)


def bands_of(prices: dict[int | None, Decimal]) -> list[tuple[int | None, int | None, Decimal]]:
    """Half-open bands from {threshold: price}; "above N" starts at N + 1, None: the plain field."""
    starts = sorted(prices, key=lambda above: -1 if above is None else above)
    froms = [None if above is None else above + 1 for above in starts]
    untils = [*froms[1:], None]
    return [
        (band_from, band_until, prices[above])
        for band_from, band_until, above in zip(froms, untils, starts, strict=True)
    ]


def entry_prices(key: str, body: dict, log: Log) -> dict[tuple[str, str, str], dict]:
    """Prices of one entry: {(mode, class, unit): {threshold: USD per unit}}. Raises BadInput."""
    found: dict[tuple[str, str, str], dict[int | None, Decimal]] = defaultdict(dict)

    def put(meaning: FieldMeaning, number: Decimal, name: str) -> None:
        slot = found[(meaning.pricing_mode, meaning.token_class, meaning.unit)]
        if slot.get(meaning.above_tokens, number) != number:
            raise BadInput(f"{key}: {name} contradicts another field for {meaning.token_class}")
        slot[meaning.above_tokens] = number

    for name, value in body.items():
        if name in SKIPPED_FIELDS:
            log.add(f"field skipped ({SKIPPED_FIELDS[name]})")
        elif name in MULTIPLIERS or name in ("tiered_pricing", "provider_specific_entry"):
            continue
        elif name == "search_context_cost_per_query":
            for size, number in named_prices(key, name, value).items():
                if size not in SEARCH_SIZES:
                    log.add("field unknown", f"{key} {name}.{size}")
                    continue
                put(FieldMeaning(SEARCH_SIZES[size], "call", "on_demand", None), number, name)
            sizes = {
                tuple(found.get(("on_demand", meter, "call"), {}).items())
                for meter in SEARCH_SIZES.values()
            }
            if len(sizes) == 1 and () not in sizes:
                # One price whatever the size: a log that only counts searches can be rated.
                number = found[("on_demand", "web_search_low", "call")][None]
                put(FieldMeaning("web_search", "call", "on_demand", None), number, name)
        elif name == "guardrail_cost_per_unit":
            for policy, number in named_prices(key, name, value).items():
                meter = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", policy).lower()
                put(FieldMeaning(f"guardrail_{meter}", "call", "on_demand", None), number, name)
        elif "cost" in name:
            number = price_number(key, name, value)
            meaning = read_field(name)
            if meaning is None:
                log.add("field unknown", f"{key} {name}")
            elif number is not None:
                put(meaning, number, name)

    tiers = body.get("tiered_pricing")
    if tiers is not None:
        replace_with_tiers(key, tiers, found, log)
    return found


def named_prices(key: str, name: str, value: object) -> dict[str, Decimal]:
    """The prices of an object-valued field. Raises BadInput."""
    if not isinstance(value, dict):
        raise BadInput(f"{key}: {name} is not an object")
    numbers = {part: price_number(key, f"{name}.{part}", number) for part, number in value.items()}
    return {part: number for part, number in numbers.items() if number is not None}


def replace_with_tiers(key: str, tiers: object, found: dict, log: Log) -> None:
    """Read `tiered_pricing`: each range starts just above its lower bound, the last one is open.

    The gateway itself reads `low < tokens <= high` and uses the last tier beyond the last range.
    """
    if not isinstance(tiers, list) or not all(isinstance(tier, dict) for tier in tiers):
        raise BadInput(f"{key}: tiered_pricing is not a list of objects")
    tiered: dict[tuple[str, str, str], dict[int | None, Decimal]] = defaultdict(dict)
    for tier in tiers:
        if "max_results_range" in tier:
            log.add("field skipped (price by number of results)")
            continue
        bounds = tier.get("range")
        if not isinstance(bounds, list) or len(bounds) != 2:
            raise BadInput(f"{key}: tiered_pricing has no range")
        low, high = (price_number(key, "tiered_pricing.range", bound) for bound in bounds)
        if low is None or high is None or low >= high or low != low.to_integral_value():
            raise BadInput(f"{key}: tiered_pricing range {[str(b) for b in bounds]} is not a range")
        above = int(low) or None
        for name, value in tier.items():
            if name == "range":
                continue
            number = price_number(key, f"tiered_pricing.{name}", value)
            meaning = read_field(name)
            if meaning is None:
                log.add("field unknown", f"{key} tiered_pricing.{name}")
            elif number is not None:
                slot = tiered[(meaning.pricing_mode, meaning.token_class, meaning.unit)]
                if above in slot:
                    raise BadInput(f"{key}: tiered_pricing lists the range from {low} twice")
                slot[above] = number
    found.update(tiered)


def uplifts_of(key: str, provider: str, body: dict, log: Log) -> list[tuple[str, str, Decimal]]:
    """Multipliers as (region or '*', mode or '' for every mode, factor). Raises BadInput."""
    result: list[tuple[str, str, Decimal]] = []
    for region in ("eu", "us"):
        name = f"regional_processing_uplift_multiplier_{region}"
        if (factor := price_number(key, name, body.get(name))) is not None:
            result.append((region, "", factor))
    name = "regional_endpoint_uplift_multiplier"
    if (factor := price_number(key, name, body.get(name))) is not None:
        if provider == "vertex_ai":
            result.extend((region, "", factor) for region in VERTEX_REGIONS)
        else:
            log.add("field unknown", f"{key} {name} outside Vertex AI")
    special = body.get("provider_specific_entry") or {}
    if not isinstance(special, dict):
        raise BadInput(f"{key}: provider_specific_entry is not an object")
    for name, value in special.items():
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            continue
        factor = price_number(key, f"provider_specific_entry.{name}", value)
        if name == "us":
            result.append(("us", "", factor))
        elif name == "fast":
            result.append(("*", "fast", factor))
        else:
            log.add("field unknown", f"{key} provider_specific_entry.{name}")
    if any(factor <= 0 for _, _, factor in result):
        raise BadInput(f"{key}: an uplift multiplier is not above 0")
    return result


def expand_uplifts(
    prices: list[ListPrice], uplifts: list[tuple[str, str, Decimal]]
) -> list[ListPrice]:
    """Write multipliers out as rows: first the fast mode, then every region over all modes.

    Providers apply these factors to every token rate, cache rates included; what is sold per
    call (searches, pages) keeps its price.
    """
    result = list(prices)
    for _, mode, factor in (uplift for uplift in uplifts if uplift[1]):
        result += [
            changed(price, pricing_mode=mode, usd_per_unit=price.usd_per_unit * factor)
            for price in prices
            if price.pricing_mode == "on_demand" and price.unit == "token"
        ]
    everywhere = list(result)
    for region, _, factor in (uplift for uplift in uplifts if not uplift[1]):
        result += [
            changed(price, region_id=region, usd_per_unit=price.usd_per_unit * factor)
            for price in everywhere
            if price.unit != "call"
        ]
    return result


def changed(price: ListPrice, **values: object) -> ListPrice:
    """A copy of a price with some fields replaced."""
    return ListPrice(**{**price.__dict__, **values})


def read_entry(key: str, body: dict, log: Log) -> Entry | None:
    """Read one entry of the map, or None if it carries no price we can use. Raises BadInput."""
    map_word = body["litellm_provider"]
    provider = provider_word(map_word)
    found = entry_prices(key, body, log if provider in SCOPE else Log())
    if provider not in SCOPE:
        log.add("entry left out (provider out of scope)")
        return None
    model = read_key(key, map_word)
    if model is None:
        log.add("entry left out (legacy commitment)")
        return None
    if not found:
        log.add("entry left out (no price)")
        return None

    prices: list[ListPrice] = []
    for (mode, token_class, unit), by_threshold in found.items():
        sized = token_class
        if model.size and unit != "token":
            sized = f"{token_class}_{model.size}"
        for band_from, band_until, number in bands_of(by_threshold):
            if number == 0:
                # Mostly "unknown" in the map; free must be said, not inferred.
                log.add("price left out (zero)")
                continue
            prices.append(
                ListPrice(
                    provider,
                    model.base_model,
                    "*",
                    mode,
                    sized,
                    band_from,
                    band_until,
                    number,
                    unit,
                )
            )
    output = {
        (price.pricing_mode, price.band): price.usd_per_unit
        for price in prices
        if price.token_class == "output"
    }
    prices = [
        price
        for price in prices
        if price.token_class != "output_reasoning"
        or output.get((price.pricing_mode, price.band)) != price.usd_per_unit
    ]
    if not prices:
        log.add("entry left out (only zero prices)")
        return None

    prices = expand_uplifts(prices, uplifts_of(key, provider, body, log))
    if model.region_id != "*":
        # The text of a regional key is often the only place where a log names the region, so it
        # is also a model of its own: rated right even when the region column is empty.
        prices = [
            copy
            for price in prices
            for copy in (
                changed(price, region_id=model.region_id),
                changed(price, model_id=model.spelled_model),
            )
        ]
    return Entry(key, map_word, model, body, prices)


def rank_of(entry: Entry) -> int:
    """Which of two keys for one model the gateway reads: the one spelled with the provider."""
    if "/invoke/" in entry.key:
        return 2
    return 0 if entry.key.startswith(f"{entry.model.provider_id}/") else 1


def read_entries(models: dict[str, dict], log: Log) -> list[Entry]:
    """Read all entries and settle models that the map lists under two keys. Raises BadInput."""
    groups: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    for key in sorted(models):
        entry = read_entry(key, models[key], log)
        if entry is not None:
            model = entry.model
            groups[
                (
                    model.provider_id,
                    model.base_model,
                    model.region_id,
                    model.spelled_model,
                    model.size,
                )
            ].append(entry)
    result: list[Entry] = []
    for group in groups.values():
        group.sort(key=lambda entry: (rank_of(entry), entry.key))
        winner, *others = group
        for other in others:
            if set(other.prices) == set(winner.prices):
                log.add("key merged (same prices)")
            elif rank_of(other) == rank_of(winner):
                raise BadInput(f"{other.key}: prices contradict those of {winner.key}")
            else:
                log.add("key shadowed", f"{other.key} differs from {winner.key}, which wins")
        result.append(winner)
        # The losing keys still name the model in logs.
        result.extend(Entry(o.key, o.logged_provider, o.model, o.attributes) for o in others)
    return result


# --- from a price per unit to a row -----------------------------------------------------------


def as_text(number: Decimal) -> str:
    """Plain decimal text without an exponent or trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_price_of(price: ListPrice, log: Log) -> tuple[str, int]:
    """Choose the smallest quantity whose price fits six decimals: (price text, quantity).

    Float noise is rounded away. A recurring decimal (0.017 per minute is 0.00028333... per second)
    takes the largest quantity and is rounded there. Both are logged. Raises BadInput when even
    that would move the price by more than one part in a million.
    """
    name = ":".join((*price.series, str(price.context_from or 0)))
    with localcontext(Context(prec=60)):
        for quantity in UNIT_QUANTITIES[price.unit]:
            exact = price.usd_per_unit * quantity
            rounded = exact.quantize(SIXTH_DECIMAL, rounding=ROUND_HALF_UP)
            if rounded == exact:
                return as_text(rounded), quantity
            if rounded and abs(rounded - exact) <= exact * FLOAT_DUST:
                log.add("float dust rounded", f"{name} {exact} -> {as_text(rounded)}")
                return as_text(rounded), quantity
        if not rounded or abs(rounded - exact) > exact * LARGEST_ROUNDING:
            raise BadInput(f"{name}: {price.usd_per_unit} does not fit six decimals")
        log.add("sixth decimal rounded", f"{name} {exact} -> {as_text(rounded)} per {quantity}")
        return as_text(rounded), quantity


def moment_text(moment: str) -> str:
    """A timestamp for an id: the date, with the time only when it is not midnight."""
    day, _, clock = moment.partition(" ")
    return day if clock == "00:00:00" else f"{day}T{clock}"


def wanted_prices(
    entries: Iterable[Entry], log: Log
) -> dict[tuple[str, ...], dict[tuple[int | None, int | None], tuple[str, int]]]:
    """Prices the map asks for: {series: {band: (unit price, unit quantity)}}. Raises BadInput."""
    wanted: dict[tuple[str, ...], dict] = defaultdict(dict)
    for entry in entries:
        for price in entry.prices:
            value = unit_price_of(price, log)
            if wanted[price.series].setdefault(price.band, value) != value:
                raise BadInput(f"{entry.key}: {':'.join(price.series)} has two prices")
    return wanted


def wanted_models(entries: Iterable[Entry], wanted: dict) -> dict[tuple[str], dict[str, str]]:
    """Descriptive attributes of every model with a price, from its developer's own entry first."""
    sums: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for (provider, model, region, mode, token_class), bands in wanted.items():
        if (region, mode, token_class) != ("*", "on_demand", "input_uncached"):
            continue
        output = wanted.get((provider, model, region, mode, "output"), {})
        lowest = [value for band, value in bands.items() if band[0] is None]
        answer = [value for band, value in output.items() if band[0] is None]
        if lowest and answer:
            sums[model][provider] = sum(
                per_unit(text, quantity) * 1_000_000 for text, quantity in (lowest[0], answer[0])
            )
    offers: dict[str, dict[str, dict]] = defaultdict(dict)
    for entry in entries:
        for price in entry.prices:
            offers[price.model_id].setdefault(price.provider_id, entry.attributes)
    return {
        (model,): model_attributes(model, offers[model], sums.get(model, {}))
        for model in sorted(offers)
    }


def model_attributes(
    model: str, offers: dict[str, dict], sums: dict[str, Decimal]
) -> dict[str, str]:
    """One models.csv row without its tail. Unknown stays empty."""
    developer, family = next(
        ((maker, name) for pattern, maker, name in MODEL_FAMILIES if pattern.search(model.lower())),
        ("", ""),
    )
    home = [provider for provider in HOME_PROVIDERS.get(developer, ()) if provider in offers]
    first = (home or sorted(offers))[0]
    window = offers[first].get("max_input_tokens")
    if not isinstance(window, int):
        windows = [offer.get("max_input_tokens") for offer in offers.values()]
        window = max((number for number in windows if isinstance(number, int)), default=None)
    home_sums = [sums[provider] for provider in home if provider in sums]
    total = home_sums[0] if home_sums else min(sums.values(), default=None)
    tier = ""
    if total is not None:
        tier = "large" if total > LARGE_ABOVE_USD else "mid"
        tier = "small" if total <= SMALL_UP_TO_USD else tier
    retires = offers[first].get("deprecation_date") or ""
    if retires:
        try:
            retires = f"{date.fromisoformat(retires).isoformat()} 00:00:00"
        except (TypeError, ValueError) as error:
            raise BadInput(f"{model}: deprecation_date {retires!r} is not a date") from error
    return {
        "model_name": re.split(r"[/]", model)[-1],
        "model_family": family,
        "model_developer": developer,
        "model_tier": tier,
        "context_window_tokens": "" if window is None or window <= 0 else str(window),
        "retires_at": retires,
    }


def wanted_aliases(entries: Sequence[Entry], log: Log) -> dict[tuple[str, str], dict[str, str]]:
    """Texts a log may carry that differ from the model_id, or whose provider must change."""
    sellers: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        sellers[entry.model.spelled_model].add(entry.model.provider_id)
    ranked: dict[tuple[str, str], tuple[int, str, dict[str, str]]] = {}
    for entry in entries:
        provider, target = entry.model.provider_id, entry.model.spelled_model
        override = provider if entry.logged_provider in LOGGED_AS_ITSELF else ""
        texts = {entry.key, f"{provider}/{target}"}
        if entry.model.size and not entry.key.startswith(f"{provider}/"):
            texts.add(f"{provider}/{entry.key}")
        if override:
            texts.add(f"{entry.logged_provider}/{target}")
            if sellers[target] == {provider}:
                texts.add(target)
        for text in texts:
            if text == target and not override:
                continue
            if text == target and sellers[target] != {provider}:
                log.add("alias left out (several providers sell it)", text)
                continue
            value = {"provider_id": override, "model_id": target}
            # A text that starts with its provider's word belongs to that provider.
            rank = 0 if text.startswith(f"{provider}/") else 1
            current = ranked.get((text, "*"))
            if current is None or (rank, entry.key) < current[:2]:
                if current is not None and current[2] != value:
                    log.add("alias settled", f"{text} -> {target}, not {current[2]['model_id']}")
                ranked[(text, "*")] = (rank, entry.key, value)
    return {key: value for key, (_, _, value) in sorted(ranked.items())}


# --- merging into the seeds -------------------------------------------------------------------


def is_own(row: dict[str, str]) -> bool:
    """Only rows this script wrote are ever changed."""
    return row["source"].split(" ")[0] == SOURCE_WORD


def per_unit(text: str, quantity: int | str) -> Decimal:
    """USD per single unit; the quantities are powers of ten, so this is exact."""
    with localcontext(Context(prec=60)):
        return Decimal(text) / Decimal(quantity)


def is_jump(old: dict[str, str], value: tuple[str, int]) -> bool:
    """Whether a price moved more than JUMP_LIMIT times up or down."""
    before, after = per_unit(old["unit_price"], old["unit_quantity"]), per_unit(*value)
    return after > JUMP_LIMIT * before or before > JUMP_LIMIT * after


def close_row(row: dict[str, str], moment: str) -> None:
    """End a row's validity. Raises BadInput when that would leave an empty window."""
    if moment <= row["valid_from_at"]:
        name = row.get("price_id") or row.get("model_id") or row.get("alias")
        raise BadInput(f"{name}: --recorded-at {moment} is not after {row['valid_from_at']}")
    row["valid_until_at"] = moment


def close_band(open_rows: list[dict[str, str]], old: dict[str, str], moment: str) -> None:
    """Close a row and every open row it corrected. Raises BadInput."""
    for row in open_rows:
        if (row["context_from_tokens"], row["context_until_tokens"]) == (
            old["context_from_tokens"],
            old["context_until_tokens"],
        ):
            close_row(row, moment)


def merge_prices(
    existing: list[dict[str, str]], wanted: dict, run: Run, log: Log
) -> tuple[list[dict[str, str]], Difference]:
    """Bring price_list up to date. Raises UnapprovedJump and BadInput."""
    rows = [dict(row) for row in existing]
    difference = Difference()
    by_series: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        if is_own(row):
            by_series[
                (
                    row["provider_id"],
                    row["model_id"],
                    row["region_id"],
                    row["pricing_mode"],
                    row["token_class"],
                )
            ].append(row)
    jumps: list[str] = []
    new_rows: list[dict[str, str]] = []

    def new_row(
        series: tuple, band: tuple, value: tuple[str, int], mark: str = "", **tail: str
    ) -> dict[str, str]:
        row = dict.fromkeys(PRICE_COLUMNS, "")
        row.update(
            zip(
                ("provider_id", "model_id", "region_id", "pricing_mode", "token_class"),
                series,
                strict=True,
            ),
            billing_account_id="*",
            context_from_tokens="" if band[0] is None else str(band[0]),
            context_until_tokens="" if band[1] is None else str(band[1]),
            unit_price=value[0],
            unit_quantity=str(value[1]),
            currency="USD",
            valid_until_at=OPEN_END,
            recorded_at=run.recorded_at,
            source=run.source,
        )
        row.update(tail)
        row["price_id"] = (
            ":".join((*series, str(band[0] or 0))) + "@" + moment_text(row["valid_from_at"]) + mark
        )
        new_rows.append(row)
        return row

    for series in sorted(wanted):
        bands = wanted[series]
        known = by_series.get(series, [])
        if not known and series[2] != "*" and wanted.get(any_region(series)) == bands:
            log.add("regional price left out (equal to the price for any region)", times=len(bands))
            continue
        open_rows = [row for row in known if row["valid_until_at"] == OPEN_END]
        current: dict[tuple, dict[str, str]] = {}
        for row in sorted(open_rows, key=lambda row: (row["recorded_at"], row["valid_from_at"])):
            current[
                tuple(
                    int(row[name]) if row[name] else None
                    for name in ("context_from_tokens", "context_until_tokens")
                )
            ] = row
        gone = sorted(set(current) - set(bands), key=str)
        last_ended = {
            int(row["context_from_tokens"]) if row["context_from_tokens"] else None: row
            for row in sorted(known, key=lambda row: (row["valid_until_at"], row["recorded_at"]))
            if row["valid_until_at"] != OPEN_END
        }
        if run.is_correction and current and (gone or set(bands) - set(current)):
            raise BadInput(f"{':'.join(series)}: a correction cannot move a context band")
        for band in sorted(bands, key=lambda band: band[0] or 0):
            value, old = bands[band], current.get(band)
            # A band with another end is another row, but its start names the price it replaces;
            # so it does for a price that comes back after the map had left it out.
            replaced = (
                old
                or next((current[gap] for gap in gone if gap[0] == band[0]), None)
                or last_ended.get(band[0])
            )
            source = run.source
            if replaced is not None:
                step = (
                    f"{replaced['price_id']} {replaced['unit_price']} per"
                    f" {replaced['unit_quantity']} -> {value[0]} per {value[1]}"
                )
                if is_jump(replaced, value):
                    if not {replaced["price_id"], replaced["model_id"]} & run.allowed_jumps:
                        jumps.append(step)
                        continue
                    source = f"{run.source} {JUMP_MARK}"
            if old is None:
                # A new regional price takes over from the price for any region; it must not
                # reach back into time that was rated with that one.
                had_price = known or (series[2] != "*" and by_series.get(any_region(series)))
                start = run.recorded_at if had_price else FIRST_VALID_FROM
                row = new_row(series, band, value, valid_from_at=start, source=source)
                difference.add("added", f"{row['price_id']} {value[0]} per {value[1]}")
                continue
            if per_unit(old["unit_price"], old["unit_quantity"]) == per_unit(*value):
                difference.counts["unchanged"] += 1
                continue
            if run.is_correction:
                if run.recorded_at <= old["recorded_at"]:
                    raise BadInput(
                        f"{old['price_id']}: --recorded-at {run.recorded_at} is not after"
                        f" {old['recorded_at']}"
                    )
                new_row(
                    series,
                    band,
                    value,
                    valid_from_at=old["valid_from_at"],
                    valid_until_at=old["valid_until_at"],
                    source=source,
                    mark="+" + moment_text(run.recorded_at),
                )
                difference.add("corrected", step)
            else:
                new_row(series, band, value, valid_from_at=run.recorded_at, source=source)
                close_band(open_rows, old, run.recorded_at)
                difference.add("changed", step)
        for band in gone:
            close_band(open_rows, current[band], run.recorded_at)
            difference.add("closed", current[band]["price_id"])
    difference.counts["kept, no longer in the map"] = sum(
        1
        for series, known in by_series.items()
        if series not in wanted
        for row in known
        if row["valid_until_at"] == OPEN_END
    )
    if jumps:
        raise UnapprovedJump(
            f"{len(jumps)} price(s) moved more than {JUMP_LIMIT} times; approve with --allow-jump"
            " <price_id or model_id>:\n  " + "\n  ".join(jumps)
        )
    rows += new_rows
    rows.sort(key=price_order)
    ids = Counter(row["price_id"] for row in rows)
    if repeated := sorted(price_id for price_id, times in ids.items() if times > 1):
        raise BadInput(f"price_id {repeated[0]} would exist twice")
    return rows, difference


def any_region(series: tuple[str, ...]) -> tuple[str, ...]:
    """The same price key for region '*'."""
    return (*series[:2], "*", *series[3:])


def price_order(row: dict[str, str]) -> tuple:
    """Sort key of price_list.csv; ends in the unique id."""
    return (
        row["provider_id"],
        row["model_id"],
        row["region_id"],
        row["pricing_mode"],
        row["token_class"],
        int(row["context_from_tokens"] or 0),
        row["valid_from_at"],
        row["recorded_at"],
        row["price_id"],
    )


def merge_reference(
    existing: list[dict[str, str]],
    wanted: dict[tuple[str, ...], dict[str, str]],
    key_columns: Sequence[str],
    run: Run,
) -> tuple[list[dict[str, str]], Difference]:
    """Bring a descriptive seed up to date by the same rules as prices. Raises BadInput."""
    rows = [dict(row) for row in existing]
    difference = Difference()
    by_key: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_key[tuple(row[name] for name in key_columns)].append(row)
    for key in sorted(wanted):
        values = wanted[key]
        known = by_key.get(key, [])
        if any(not is_own(row) for row in known):
            difference.counts["left to another source"] += 1
            continue
        open_rows = sorted(
            (row for row in known if row["valid_until_at"] == OPEN_END),
            key=lambda row: (row["recorded_at"], row["valid_from_at"]),
        )
        old = open_rows[-1] if open_rows else None
        if old is not None and all(old[name] == value for name, value in values.items()):
            difference.counts["unchanged"] += 1
            continue
        row = (
            dict(zip(key_columns, key, strict=True))
            | values
            | {
                "valid_from_at": run.recorded_at if known else FIRST_VALID_FROM,
                "valid_until_at": OPEN_END,
                "recorded_at": run.recorded_at,
                "source": run.source,
                "approved_by": "refresh_prices",
                "change_reason": "changed in the price map"
                if known
                else "first seen in the price map",
            }
        )
        if old is None:
            difference.add("added", " ".join(key))
        elif run.is_correction:
            if run.recorded_at <= old["recorded_at"]:
                raise BadInput(f"{key[0]}: --recorded-at is not after {old['recorded_at']}")
            row |= {
                "valid_from_at": old["valid_from_at"],
                "valid_until_at": old["valid_until_at"],
                "change_reason": "correction",
            }
            difference.add("corrected", " ".join(key))
        else:
            for open_row in open_rows:
                close_row(open_row, run.recorded_at)
            difference.add("changed", " ".join(key))
        rows.append(row)
    rows.sort(
        key=lambda row: (
            *(row[name] for name in key_columns),
            row["valid_from_at"],
            row["recorded_at"],
        )
    )
    return rows, difference


# --- files ------------------------------------------------------------------------------------


def read_seed(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a seed; a missing file is an empty one. Raises BadInput on other columns."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != tuple(columns):
            raise BadInput(f"{path.name}: columns are not {', '.join(columns)}")
        rows = list(reader)
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise BadInput(f"{path.name}: line {number} has another number of columns")
    return rows


def seed_bytes(rows: Iterable[dict[str, str]], columns: Sequence[str]) -> bytes:
    """A seed as it is stored."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8")


def write_all(contents: dict[Path, bytes]) -> None:
    """Write every file beside its target first, then swap them in; unchanged files stay as is."""
    staged: list[tuple[str, Path]] = []
    try:
        for path, content in contents.items():
            if path.exists() and path.read_bytes() == content:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            staged.append((name, path))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
        while staged:
            name, path = staged[0]
            Path(name).replace(path)
            staged.pop(0)
    finally:
        for name, _ in staged:
            Path(name).unlink(missing_ok=True)


def timestamp(text: str) -> str:
    """Check a UTC timestamp given on the command line."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").strftime("%Y-%m-%d %H:%M:%S")
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not YYYY-MM-DD HH:MM:SS") from error


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    default_seeds = Path(__file__).resolve().parent.parent / "seeds" / "reference"
    parser = argparse.ArgumentParser(description="Refresh list prices from the LiteLLM price map.")
    parser.add_argument("map", type=Path, help="model_prices_and_context_window.json")
    parser.add_argument("--seeds", type=Path, default=default_seeds, help="seeds/reference folder")
    parser.add_argument(
        "--recorded-at",
        type=timestamp,
        help="UTC time of knowledge, also the moment a changed price takes effect"
        f" (default: {FIRST_VALID_FROM} on the first import, else now)",
    )
    parser.add_argument("--source-label", help="version of the map (default: its sha256)")
    parser.add_argument(
        "--allow-jump",
        nargs="+",
        action="extend",
        default=[],
        metavar="ID",
        help=f"price_id or model_id that may move more than {JUMP_LIMIT} times",
    )
    parser.add_argument(
        "--correction",
        action="store_true",
        help="the map was wrong before: same validity, later recorded_at, old rows untouched",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the difference, write nothing"
    )
    return parser.parse_args(arguments)


def refresh(options: argparse.Namespace) -> int:
    """Do the work. Raises BadInput and UnapprovedJump."""
    log = Log()
    models = read_map(options.map)
    price_path = options.seeds / "price_list.csv"
    model_path = options.seeds / "models.csv"
    alias_path = options.seeds / "model_aliases.csv"
    old_prices = read_seed(price_path, PRICE_COLUMNS)
    is_first_import = not any(is_own(row) for row in old_prices)
    if options.correction and is_first_import:
        raise BadInput("there is nothing to correct: no price has been imported yet")
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    label = options.source_label
    if label is None:
        label = "sha256:" + hashlib.sha256(options.map.read_bytes()).hexdigest()[:12]
    if not re.fullmatch(r"[\w.:+-]+", label) or JUMP_MARK in label:
        raise BadInput(f"--source-label {label!r} may hold letters, digits and . : + - _ only")
    run = Run(
        recorded_at=options.recorded_at or (FIRST_VALID_FROM if is_first_import else now),
        source=f"{SOURCE_WORD} {label}",
        is_correction=options.correction,
        allowed_jumps=frozenset(options.allow_jump),
    )
    entries = read_entries(models, log)
    wanted = wanted_prices(entries, log)
    prices, price_difference = merge_prices(old_prices, wanted, run, log)
    model_rows, model_difference = merge_reference(
        read_seed(model_path, MODEL_COLUMNS), wanted_models(entries, wanted), ("model_id",), run
    )
    alias_rows, alias_difference = merge_reference(
        read_seed(alias_path, ALIAS_COLUMNS),
        wanted_aliases(entries, log),
        ("alias", "source_name"),
        run,
    )
    for note in log.notes:
        print(note, file=sys.stderr)
    for reason, times in sorted(log.counts.items()):
        print(f"{times:6d} {reason}", file=sys.stderr)
    for name, difference in (
        ("price_list", price_difference),
        ("models", model_difference),
        ("model_aliases", alias_difference),
    ):
        if options.dry_run:
            for line in difference.lines:
                print(f"{name} {line}")
        kinds = ("added", "changed", "corrected", "closed", "unchanged")
        counts = {kind: difference.counts.get(kind, 0) for kind in kinds} | difference.counts
        print(f"{name}: " + ", ".join(f"{number} {kind}" for kind, number in counts.items()))
    if options.dry_run:
        print("dry run: nothing written")
        return 0
    write_all(
        {
            price_path: seed_bytes(prices, PRICE_COLUMNS),
            model_path: seed_bytes(model_rows, MODEL_COLUMNS),
            alias_path: seed_bytes(alias_rows, ALIAS_COLUMNS),
        }
    )
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry point; returns the exit code."""
    options = parse_arguments(arguments)
    try:
        return refresh(options)
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except UnapprovedJump as error:
        print(f"error: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
