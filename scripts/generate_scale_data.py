"""Write a large synthetic LiteLLM spend log, with the prices and owners it needs.

The log has the shape of `LiteLLM_SpendLogs` and feeds benchmarks and scale tests: Zipf models and
applications, a daily rhythm, interactions of one to five calls, retries, fallbacks, rejected and
failed calls, cache reads and writes, committed capacity pools, late rows and redelivered rows.

Everything is computed by DuckDB from the row number and a seed through md5 and integer
arithmetic: no random generator, no clock, no float before the last digit of the gateway's own
cost. The same arguments give the same bytes.

    python scripts/generate_scale_data.py --rows 10000000 --days 30 --out build/scale

writes below the output folder

    litellm/spend_logs_0001.parquet ...   the log; one file per range of arrival time
    litellm/teams.parquet, keys.parquet   current state of teams and keys
    price_list.csv                        a price for every token class the log uses
    models.csv, applications.csv, ownership.csv, cost_centers.csv, billing_accounts.csv,
    commitments.csv                       reference rows in the shape of the project's seeds

so the folder can serve as AI_FINOPS_RAW_PATH. Arrival batches: `--through-day 30` writes what had
arrived by the end of day 30, `--only-day 31` adds the file of day 31. Both need the same rows,
days, seed and shares. Rows arrive up to 34 days after they happened, so the last late rows of a
log of 30 days arrive on day 64; without a batch option they are all written.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import itertools
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

MODELS = 3000
APPLICATIONS = 400
TEAMS = 60
COST_CENTERS = 20
POOLS = 40
# Slots of the two Zipf lookups; powers of two, so that hash bits address them directly.
MODEL_SLOTS = 32768
APPLICATION_SLOTS = 8192
# The rhythm is a lookup from a quantile of the day's calls to a time of day.
RHYTHM_SLOTS = 1000
CALLS_PER_HOUR_OF_DAY = [
    2, 1, 1, 1, 1, 2, 4, 8, 14, 19, 21, 20, 17, 19, 21, 20, 18, 14, 10, 8, 6, 5, 4, 3,
]  # fmt: skip
MILLISECONDS_PER_HOUR = 3_600_000
SECONDS_PER_DAY = 86_400
# A late row is at most 30 days late and its redelivered copy at most 3 more; one day of slack.
MAXIMUM_ARRIVAL_DELAY_DAYS = 34
CHUNK_ROWS = 500_000
ROW_GROUP_ROWS = 61_440
# Primes above the largest row count: a multiplication by them, modulo the row count, is a
# permutation, so the late and the redelivered rows are scattered and their number is exact.
LATE_PRIME = 2_654_435_761
COPY_PRIME = 3_266_489_917
MAXIMUM_ROWS = 1_000_000_000

# Calls of one block of twenty: five interactions of one call, two of two, two of three, one of
# five. (interaction within the block, step within the interaction)
INTERACTION_LENGTHS = [1, 2, 1, 3, 1, 5, 1, 2, 1, 3]

REFERENCE_TAIL = """
        timestamp '2025-01-01 00:00:00' as valid_from_at,
        timestamp '9999-12-31 00:00:00' as valid_until_at,
        timestamp '2025-01-01 00:00:00' as recorded_at,
        'synthetic' as source,
        'scale generator' as approved_by,
        'benchmark data' as change_reason"""


@dataclass(frozen=True)
class Settings:
    """What one synthetic log depends on. Counts are rows, days are arrival days from 1."""

    rows: int
    days: int
    out: Path
    seed: int = 1
    late_share: float = 0.025
    duplicate_share: float = 0.015
    start: datetime.date = datetime.date(2026, 1, 1)
    through_day: int | None = None
    only_day: int | None = None
    jobs: int = 2

    @property
    def copies(self) -> int:
        """Rows that are a second delivery of another row."""
        return math.floor(self.rows * self.duplicate_share)

    @property
    def calls(self) -> int:
        """Rows that are not a second delivery."""
        return self.rows - self.copies

    @property
    def late_calls(self) -> int:
        """Calls that arrive on a later day than they happened."""
        return math.floor(self.calls * self.late_share)

    @property
    def last_arrival_day(self) -> int:
        """The last day on which a row can arrive."""
        return self.days + MAXIMUM_ARRIVAL_DELAY_DAYS

    def validate(self) -> None:
        """Raise ValueError with a sentence for the user when a value is out of range."""
        if not 100 <= self.rows <= MAXIMUM_ROWS:
            raise ValueError(f"--rows must be between 100 and {MAXIMUM_ROWS}, not {self.rows}")
        if not 1 <= self.days <= 3650:
            raise ValueError(f"--days must be between 1 and 3650, not {self.days}")
        if self.calls < self.days:
            raise ValueError("--rows must leave at least one call per day")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"--seed must be between 0 and {2**31 - 1}, not {self.seed}")
        for option, share in (
            ("--late-share", self.late_share),
            ("--duplicate-share", self.duplicate_share),
        ):
            if not 0 <= share <= 0.5:
                raise ValueError(f"{option} must be between 0 and 0.5, not {share}")
        if self.through_day is not None and self.only_day is not None:
            raise ValueError("--through-day and --only-day exclude each other")
        for option, day in (("--through-day", self.through_day), ("--only-day", self.only_day)):
            if day is not None and not 1 <= day <= self.last_arrival_day:
                raise ValueError(
                    f"{option} must be between 1 and {self.last_arrival_day}, not {day}"
                )
        if not 2000 <= self.start.year <= 2089:
            raise ValueError(f"--start must be between 2000 and 2089, not {self.start}")
        if not 1 <= self.jobs <= 64:
            raise ValueError(f"--jobs must be between 1 and 64, not {self.jobs}")


@dataclass(frozen=True)
class ArrivalFile:
    """One file of the log: the rows that arrived in a half-open window, in seconds from start."""

    name: str
    from_second: int
    until_second: int


def zipf_slots(members: int, slots: int) -> list[tuple[int, int, int]]:
    """Return (member, first slot, slots) so that member k, counted from 0, has about 1/(k+1)."""
    width = math.log(members + 1) / slots
    counts = collections.Counter(
        min(members, math.floor(math.exp((slot + 0.5) * width))) - 1 for slot in range(slots)
    )
    firsts = itertools.accumulate((counts[member] for member in range(members)), initial=0)
    return [
        (member, first, counts[member])
        for member, first in zip(range(members), firsts, strict=False)
        if counts[member]
    ]


def rhythm_slots() -> list[tuple[int, int, int]]:
    """Return (slot, first millisecond of the day, milliseconds) for equal shares of the calls."""
    total = sum(CALLS_PER_HOUR_OF_DAY)

    def millisecond_at(slot: int) -> int:
        wanted = slot * total
        before = 0
        for hour, calls in enumerate(CALLS_PER_HOUR_OF_DAY):
            if wanted <= (before + calls) * RHYTHM_SLOTS:
                inside = wanted - before * RHYTHM_SLOTS
                return hour * MILLISECONDS_PER_HOUR + (
                    inside * MILLISECONDS_PER_HOUR // (calls * RHYTHM_SLOTS)
                )
            before += calls
        raise AssertionError("the last hour ends the day")

    edges = [millisecond_at(slot) for slot in range(RHYTHM_SLOTS + 1)]
    return [(slot, edges[slot], edges[slot + 1] - edges[slot]) for slot in range(RHYTHM_SLOTS)]


def interaction_slots() -> list[tuple[int, int, int]]:
    """Return (slot in the block, interaction in the block, step) for one block of calls."""
    slots: list[tuple[int, int, int]] = []
    for interaction, length in enumerate(INTERACTION_LENGTHS):
        first = len(slots)
        slots.extend((first + step, interaction, step) for step in range(length))
    return slots


BLOCK_CALLS = sum(INTERACTION_LENGTHS)


def create_lookup(
    connection: duckdb.DuckDBPyConnection, name: str, columns: list[str], rows: list[tuple]
) -> None:
    """Create a small table of bigint columns from constants."""
    values = ", ".join(str(row) for row in rows)
    connection.execute(
        f"create table {name} as select {', '.join(f'cast({c} as bigint) as {c}' for c in columns)}"
        f" from (values {values}) as listed({', '.join(columns)})"
    )


def create_reference_tables(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Create the models, prices, applications and lookups that the calls draw from.

    Prices are integers of one millionth of a USD per million tokens, the precision of the seed.
    """
    for name, members, slots in (
        ("model", MODELS, MODEL_SLOTS),
        ("application", APPLICATIONS, APPLICATION_SLOTS),
    ):
        create_lookup(connection, f"{name}_slot_ranges", ["member", "first_slot", "slots"],
                      zipf_slots(members, slots))  # fmt: skip
        connection.execute(
            f"create table {name}_slots as select member as {name}_number,"
            f" unnest(range(first_slot, first_slot + slots)) as slot from {name}_slot_ranges"
        )
    create_lookup(connection, "rhythm_slots", ["slot", "first_millisecond", "milliseconds"],
                  rhythm_slots())  # fmt: skip
    create_lookup(connection, "interaction_slots", ["slot", "interaction_in_block", "step"],
                  interaction_slots())  # fmt: skip
    connection.execute(
        "create macro bits(hashed, first_bit, width) as"
        " cast((hashed >> first_bit) & ((1 << width) - 1) as bigint)"
    )
    seed = settings.seed
    start = settings.start.isoformat()
    connection.execute(f"""
create table models as
with hashed as (
    select
        model_number,
        md5_number_lower('{seed}|model|' || model_number) as model_hash,
        ['azure', 'openai', 'anthropic', 'openai', 'bedrock', 'vertex_ai', 'azure', 'gemini',
         'mistral', 'anthropic'][cast(model_number % 10 as integer) + 1] as provider_id,
        model_number % 37 = 36 as is_embedding
    from range({MODELS}) as numbers(model_number)
),
numbered as (
    select
        *,
        case
            when provider_id = 'azure' and not is_embedding
                then row_number() over (
                    partition by provider_id, is_embedding order by model_number
                )
        end as azure_number
    from hashed
),
priced as (
    select
        *,
        -- Every eighth price uses all six decimals.
        [75000, 150000, 300000, 800000, 1250000, 2500000, 3000000, 15000000]
            [bits(model_hash, 0, 3) + 1]
            + case when bits(model_hash, 3, 3) = 0 then bits(model_hash, 6, 10) else 0 end
            as input_price
    from numbered
)
select
    model_number,
    provider_id,
    is_embedding,
    provider_id || '/synthetic-model-' || lpad(cast(model_number as varchar), 4, '0') as model_id,
    -- An Azure log names the deployment; the base model is found in the model map.
    provider_id || case when provider_id = 'azure' then '/deployment-' else '/synthetic-model-' end
        || lpad(cast(model_number as varchar), 4, '0') as model_text,
    'alias-' || lpad(cast(model_number as varchar), 4, '0') as model_group,
    'deployment-' || lpad(cast(model_number as varchar), 4, '0') as deployment_id,
    case when azure_number <= {POOLS} then azure_number end as pool_number,
    case
        when azure_number <= {POOLS}
            then 'committed-pool-' || lpad(cast(azure_number as varchar), 2, '0')
    end as pool_deployment_id,
    not is_embedding and provider_id in ('openai', 'azure', 'anthropic', 'gemini') as has_cache,
    not is_embedding and provider_id = 'anthropic' as has_cache_write,
    not is_embedding and provider_id = 'openai' and model_number < 600 as has_tiers,
    not is_embedding and provider_id in ('gemini', 'anthropic', 'vertex_ai')
        and bits(model_hash, 16, 2) = 0 as has_long_context,
    least(
        case
            when bits(model_hash, 18, 6) = 0 then 2
            when bits(model_hash, 18, 3) = 0 then 1
            else 0
        end,
        {settings.days} - 1
    ) as price_changes,
    input_price,
    case when is_embedding then 0 else input_price * 4 end as output_price,
    input_price // 10 as cache_read_price,
    input_price * 5 // 4 as cache_write_5m_price,
    input_price * 2 as cache_write_1h_price
from priced
""")
    connection.execute(f"""
create table prices as
with price_windows as (
    select
        models.*,
        window_number,
        case
            when window_number = 0 then timestamp '2000-01-01'
            else timestamp '{start}'
                + to_days(cast({settings.days} * window_number // (price_changes + 1) as integer))
        end as valid_from_at,
        case
            when window_number = price_changes then timestamp '9999-12-31'
            else timestamp '{start}'
                + to_days(
                    cast({settings.days} * (window_number + 1) // (price_changes + 1) as integer)
                )
        end as valid_until_at
    from models
    cross join range(3) as windows(window_number)
    where window_number <= price_changes
),
class_prices as (
    select *, 'input_uncached' as token_class, input_price as price from price_windows
    union all by name
    select *, 'output' as token_class, output_price as price from price_windows
    where not is_embedding
    union all by name
    select *, 'cache_read' as token_class, cache_read_price as price from price_windows
    where has_cache
    union all by name
    select *, 'cache_write_5m' as token_class, cache_write_5m_price as price from price_windows
    where has_cache_write
    union all by name
    select *, 'cache_write_1h' as token_class, cache_write_1h_price as price from price_windows
    where has_cache_write
),
modes(pricing_mode, mode_numerator, mode_denominator) as (
    values ('on_demand', 1, 1), ('flex', 1, 2), ('priority', 2, 1)
),
bands(band, context_from_tokens, context_until_tokens) as (
    values
        ('whole', null, null), ('short', null, 200001), ('long', cast(200001 as bigint), null)
),
combined as (
    select
        class_prices.*,
        modes.pricing_mode,
        bands.context_from_tokens,
        bands.context_until_tokens,
        -- A price falls by a fifth with every change and is never zero.
        greatest(
            1,
            price * mode_numerator // mode_denominator
                * [25, 20, 16][window_number + 1] // 25
                * case when band <> 'long' then 2 when token_class = 'output' then 3 else 4 end // 2
        ) as micro_usd
    from class_prices
    inner join modes on has_tiers or pricing_mode = 'on_demand'
    inner join bands on (band = 'whole') <> has_long_context
)
select
    'synthetic-' || lpad(cast(row_number() over (
        order by
            model_number, pricing_mode, token_class, valid_from_at,
            coalesce(context_from_tokens, 0)
    ) as varchar), 6, '0') as price_id,
    provider_id,
    model_id,
    '*' as billing_account_id,
    '*' as region_id,
    pricing_mode,
    token_class,
    context_from_tokens,
    context_until_tokens,
    cast(null as bigint) as volume_from_units,
    cast(null as bigint) as volume_until_units,
    cast(micro_usd * 0.000001 as decimal(18, 6)) as unit_price,
    1000000 as unit_quantity,
    'USD' as currency,
    valid_from_at,
    valid_until_at,
    valid_from_at as recorded_at,
    'synthetic' as source
from combined
""")
    connection.execute(f"""
create table applications as
select
    application_number,
    'application-' || lpad(cast(application_number as varchar), 3, '0') as application_id,
    sha256('{seed}|key|' || application_number) as api_key,
    'key-' || lpad(cast(application_number as varchar), 3, '0') as key_alias,
    (application_number * 7) % {TEAMS} as team_number,
    cast(cast(md5('{seed}|team|' || (application_number * 7) % {TEAMS}) as uuid) as varchar)
        as team_id,
    'team-' || lpad(cast((application_number * 7) % {TEAMS} as varchar), 2, '0') as team_alias,
    'cost-center-' || lpad(cast((application_number * 7) % {TEAMS} % {COST_CENTERS} as varchar),
        2, '0') as cost_center_id
from range({APPLICATIONS}) as numbers(application_number)
""")


def spend_log_query(settings: Settings, arrival: ArrivalFile) -> str:
    """Return the query for the rows of one arrival window, in the order of the calls."""
    calls = settings.calls
    days = settings.days
    first_day = max(0, arrival.from_second // SECONDS_PER_DAY - MAXIMUM_ARRIVAL_DELAY_DAYS - 1)
    last_day = min(days - 1, arrival.until_second // SECONDS_PER_DAY)
    first_call = first_day * calls // days
    until_call = (last_day + 1) * calls // days
    seed = settings.seed
    return f"""
with placed as (
    select
        call_number,
        call_number // {BLOCK_CALLS} * {len(INTERACTION_LENGTHS)} + interaction_in_block
            as interaction_number,
        step,
        call_number - step as first_call_number,
        ((call_number - step + 1) * {days} - 1) // {calls} as event_day,
        (call_number * {LATE_PRIME} + {seed}) % {calls} as late_rank,
        (call_number * {COPY_PRIME} + {seed}) % {calls} as copy_rank
    from range({first_call}, {until_call}) as numbers(call_number)
    inner join interaction_slots on call_number % {BLOCK_CALLS} = interaction_slots.slot
),
ranked as (
    select
        *,
        ((first_call_number - event_day * {calls} // {days}) * 1000000 + 500000)
            // ((event_day + 1) * {calls} // {days} - event_day * {calls} // {days})
            as millionth_of_the_day
    from placed
),
timed as (
    select
        ranked.*,
        -- Some interactions pause for 40 minutes or 5 hours between calls and cross midnight.
        event_day * 86400000
            + first_millisecond
            + millionth_of_the_day % {1_000_000 // RHYTHM_SLOTS} * milliseconds
                // {1_000_000 // RHYTHM_SLOTS}
            + late_rank % 1000
            + step * case
                when interaction_number % 16 = 0 then 2400000
                when interaction_number % 64 = 5 then 18000000
                else 20000 + interaction_number % 200 * 1000
            end as started_millisecond
    from ranked
    inner join rhythm_slots
        on millionth_of_the_day // {1_000_000 // RHYTHM_SLOTS} = rhythm_slots.slot
),
arrived as (
    select
        timed.*,
        -- The loader needs 4 to 14 minutes; a call lasts at most 3.
        started_millisecond // 1000 + 240 + late_rank % 600
            + case
                when late_rank >= {settings.late_calls} then 0
                -- Most are late by one to three days, one in 64 by four to thirty.
                when late_rank % 64 > 0 then (1 + late_rank % 3) * {SECONDS_PER_DAY}
                else (4 + late_rank // 64 % 27) * {SECONDS_PER_DAY}
            end
            + case
                when copy_number = 0 then 0
                when copy_rank % 4 = 0 then 60
                when copy_rank % 4 = 1 then 3 * 3600
                when copy_rank % 4 = 2 then {SECONDS_PER_DAY}
                else 3 * {SECONDS_PER_DAY}
            end as loaded_second
    from timed
    cross join (values (0), (1)) as deliveries(copy_number)
    where copy_number = 0 or copy_rank < {settings.copies}
),
hashed as (
    select
        *,
        md5('{seed}|call|' || call_number) as call_text,
        md5_number_lower('{seed}|draw|' || call_number) as call_hash,
        md5_number_lower('{seed}|interaction|' || interaction_number) as interaction_hash
    from arrived
    where loaded_second >= {arrival.from_second} and loaded_second < {arrival.until_second}
),
drawn as (
    select
        hashed.*,
        application_slots.application_number,
        model_slots.model_number as wanted_model_number,
        bits(interaction_hash, 55, 5) as tagging,
        bits(call_hash, 0, 10) as outcome_draw,
        case
            when outcome_draw < 5 then 'budget'
            when outcome_draw < 9 then 'rate_limit'
            when outcome_draw < 10 then 'model_access'
            when outcome_draw < 16 then 'server_error'
            when outcome_draw < 21 then 'content_filter'
            when outcome_draw < 24 then 'context_window'
            when outcome_draw < 30 then 'disconnect'
            when model_slots.model_number % 37 = 36 then 'success'
            when outcome_draw < 44 and step > 0 then 'cache_hit'
            when outcome_draw < 74 then 'fallback'
            when outcome_draw < 94 then 'retried'
            else 'success'
        end as outcome
    from hashed
    inner join model_slots on bits(interaction_hash, 0, 15) = model_slots.slot
    inner join application_slots on bits(interaction_hash, 15, 13) = application_slots.slot
),
served as (
    select
        drawn.*,
        models.* exclude (model_number),
        applications.* exclude (application_number),
        outcome in ('budget', 'rate_limit', 'model_access') as is_rejected,
        outcome in ('server_error', 'content_filter', 'context_window') as is_failed,
        pool_number is not null and bits(call_hash, 10, 3) <= 5 as is_on_pool,
        pool_number is not null and bits(call_hash, 10, 3) = 5 and outcome = 'success'
            as is_spilled,
        case when has_tiers then ['flex', 'priority'][bits(call_hash, 40, 4) + 1] end
            as service_tier,
        (64 << (bits(interaction_hash, 28, 4) % 11))
            * case when bits(interaction_hash, 32, 6) = 0 then 6 else 1 end as prompt_base
    from drawn
    inner join models
        on case when outcome = 'fallback' then wanted_model_number % 36 else wanted_model_number end
            = models.model_number
    inner join applications on drawn.application_number = applications.application_number
),
counted as (
    select
        *,
        case
            when is_rejected then 0
            else prompt_base + step * (prompt_base // 4) + bits(call_hash, 13, 8)
        end as prompt_tokens,
        case
            when is_rejected or is_failed or is_embedding then 0
            else ((8 << bits(call_hash, 21, 3)) + bits(call_hash, 24, 7))
                * case when bits(call_hash, 31, 5) = 0 then 8 else 1 end
        end as completion_tokens
    from served
),
cached as (
    select
        *,
        case
            when has_cache and step > 0 and not is_failed
                then prompt_tokens * (5 + bits(call_hash, 36, 2)) // 10
            else 0
        end as read_tokens,
        case
            when has_cache_write and not is_failed
                then (prompt_tokens - read_tokens) // 4
            else 0
        end as write_tokens,
        case
            when provider_id in ('openai', 'gemini') and bits(call_hash, 38, 2) = 0
                then completion_tokens // 3
            else 0
        end as reasoning_tokens,
        least(180000, 150 + completion_tokens * 8 + bits(call_hash, 45, 9)) as duration
    from counted
),
split as (
    select
        *,
        case when bits(interaction_hash, 38, 3) = 0 then write_tokens else 0 end
            as write_1h_tokens,
        case when bits(interaction_hash, 38, 3) = 0 then 0 else write_tokens end
            as write_5m_tokens
    from cached
),
-- The gateway's own number: the price of the first day, in USD x 10^-12 before the last division.
-- It is evidence, and where a price changed it is wrong, as in real logs.
costed as (
    select
        *,
        case
            when is_rejected or is_failed then 0
            else (prompt_tokens - read_tokens - write_tokens) * input_price
                + read_tokens * cache_read_price
                + write_5m_tokens * cache_write_5m_price
                + write_1h_tokens * cache_write_1h_price
        end as input_cost,
        completion_tokens * output_price as output_cost
    from split
),
valued as (
    select
        *,
        case
            when outcome = 'cache_hit' or (is_on_pool and not is_spilled) then 0
            else cast(input_cost + output_cost as double) / 1e12
        end as spend,
        cast(input_cost as double) / 1e12 as input_cost_usd,
        cast(output_cost as double) / 1e12 as output_cost_usd,
        cast(input_cost + output_cost as double) / 1e12 as total_cost_usd,
        to_hex(interaction_hash) as interaction_text,
        timestamp '{settings.start.isoformat()}' + to_milliseconds(started_millisecond)
            as started_at
    from costed
)
select
    case
        when is_rejected or is_failed or is_embedding
            then cast(cast(md5('{seed}|id|' || call_number) as uuid) as varchar)
        when outcome = 'cache_hit'
            then 'chatcmpl-' || md5('{seed}|call|' || (call_number - 1)) || '_cache_hit'
                || cast(epoch(started_at) as bigint)
        else 'chatcmpl-' || call_text
    end as request_id,
    case when is_embedding then 'aembedding' else 'acompletion' end as call_type,
    api_key,
    spend,
    prompt_tokens + completion_tokens as total_tokens,
    prompt_tokens,
    completion_tokens,
    started_at as "startTime",
    started_at + to_milliseconds(duration) as "endTime",
    started_at + to_milliseconds(
        case when bits(call_hash, 44, 1) = 1 and not is_rejected and not is_failed
            then duration // 4 else duration end
    ) as "completionStartTime",
    model_text as model,
    case when is_on_pool then pool_deployment_id else deployment_id end as model_id,
    model_group,
    provider_id as custom_llm_provider,
    concat(
        '{{"status": null, "user_agent": "python-httpx/0.28.1", "max_retries": 2, "usage_object": ',
        case
            when is_rejected or is_failed then '{{}}'
            else concat(
                case when has_cache_write then '{{"service_tier": "standard", "total_tokens": '
                    else '{{"total_tokens": ' end,
                prompt_tokens + completion_tokens,
                ', "prompt_tokens": ', prompt_tokens,
                ', "completion_tokens": ', completion_tokens,
                case
                    when is_embedding
                        then ', "prompt_tokens_details": null, "completion_tokens_details": null}}'
                    else concat(
                        ', "prompt_tokens_details": {{"audio_tokens": 0, "cached_tokens": ',
                        read_tokens,
                        case
                            when has_cache_write then concat(
                                ', "cache_creation_tokens": ', write_tokens,
                                ', "cache_creation_token_details": {{"ephemeral_1h_input_tokens": ',
                                write_1h_tokens,
                                ', "ephemeral_5m_input_tokens": ', write_5m_tokens, '}}'
                            )
                        end,
                        '}}, "completion_tokens_details": {{"audio_tokens": 0',
                        ', "reasoning_tokens": ', reasoning_tokens,
                        ', "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}}}'
                    )
                end
            )
        end,
        ', "cost_breakdown": ',
        case
            when is_rejected or is_failed then 'null'
            else concat(
                '{{"input_cost": ', input_cost_usd,
                ', "total_cost": ', total_cost_usd,
                ', "output_cost": ', output_cost_usd,
                ', "service_tier": ',
                case when service_tier is null then 'null' else '"' || service_tier || '"' end,
                ', "data_residency": null, "tool_usage_cost": 0, "vertex_location": null}}'
            )
        end,
        case
            when is_spilled
                then ', "azure_spillover": {{"from_deployment": "' || pool_deployment_id || '"}}'
            else ', "azure_spillover": null'
        end,
        case
            when is_rejected then ', "attempted_retries": null, "attempted_fallbacks": null'
            when outcome = 'fallback' then ', "attempted_retries": 0, "attempted_fallbacks": 1'
            when outcome = 'retried' then ', "attempted_retries": 1, "attempted_fallbacks": 0'
            when outcome = 'server_error' then ', "attempted_retries": 2, "attempted_fallbacks": 0'
            else ', "attempted_retries": 0, "attempted_fallbacks": 0'
        end,
        ', "original_model_group": ',
        case
            when is_rejected then 'null'
            else '"alias-' || lpad(cast(wanted_model_number as varchar), 4, '0') || '"'
        end,
        ', "error_information": ',
        case outcome
            when 'budget' then '{{"error_code": "422", "error_class": "BudgetExceededError"}}'
            when 'rate_limit' then '{{"error_code": "429", "error_class": "ProxyRateLimitError"}}'
            when 'model_access'
                then '{{"error_code": "403", "error_class": "ModelAccessDeniedProxyException"}}'
            when 'server_error' then '{{"error_code": "500", "error_class": "InternalServerError"}}'
            when 'content_filter'
                then '{{"error_code": "content_filter", "error_class": "BadRequestError"}}'
            when 'context_window'
                then '{{"error_code": "400", "error_class": "ContextWindowExceededError"}}'
            when 'disconnect' then '{{"error_code": "499", "error_class": "ClientDisconnected"}}'
            else 'null'
        end,
        ', "user_api_key_alias": "', key_alias,
        '", "user_api_key_team_id": "', team_id,
        '", "user_api_key_team_alias": "', team_alias,
        '", "spend_logs_metadata": ',
        case
            when tagging < 4 then concat(
                '{{"agent": "agent-', lpad(cast(application_number % 20 as varchar), 2, '0'),
                '", "step": ', step,
                ', "application": "', application_id,
                '", "workflow_run_id": "run-', interaction_text, '"}}'
            )
            when tagging < 6 then 'null'
            when tagging < 9
                then concat('{{"interaction_id": "conversation-', interaction_text, '"}}')
            else concat(
                '{{"workflow": "workflow-', lpad(cast(application_number as varchar), 3, '0'), '-',
                bits(interaction_hash, 60, 2),
                '", "application": "', application_id,
                '", "cost_center": "', cost_center_id,
                '", "interaction_id": "conversation-', interaction_text, '"}}'
            )
        end,
        ', "model_map_information": {{"model_map_key": "', model_id,
        '", "model_map_value": {{"litellm_provider": "', provider_id, '"}}}}}}'
    ) as metadata,
    case
        when outcome = 'cache_hit' then 'True'
        when bits(call_hash, 54, 3) < 3 then 'False'
        else 'None'
    end as cache_hit,
    concat(
        '[',
        case when tagging between 6 and 8 then '"app:' || application_id || '", ' end,
        '"env:prod", "User-Agent: python-httpx", "User-Agent: python-httpx/0.28.1"]'
    ) as request_tags,
    team_id,
    case
        when bits(interaction_hash, 53, 2) = 0
            then 'user-' || bits(interaction_hash, 41, 12)
        else ''
    end as end_user,
    case
        when tagging < 4 then 'run-' || interaction_text
        when tagging < 6 then md5('{seed}|session|' || call_number)
        else 'conversation-' || interaction_text
    end as session_id,
    case when is_rejected or is_failed then 'failure' else 'success' end as status,
    cast(null as varchar) as agent_id,
    duration as request_duration_ms,
    started_at + to_milliseconds(duration + 200 + bits(call_hash, 57, 6) * 20) as created_at,
    cast(cast(md5('{seed}|id|' || call_number) as uuid) as varchar) as litellm_call_id,
    timestamp '{settings.start.isoformat()}' + to_seconds(loaded_second) as _loaded_at
from valued
"""


def quoted(path: Path) -> str:
    """Return a path as a SQL string literal."""
    return "'" + str(path).replace("'", "''") + "'"


def write_reference_files(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Write the seeds in CSV and the gateway's team and key tables in Parquet."""
    start = settings.start.isoformat()
    tail = REFERENCE_TAIL
    term_until = (settings.start + datetime.timedelta(days=settings.days + 1)).isoformat()
    seeds = {
        "price_list": "select * from prices order by price_id",
        "models": f"""
    select
        model_id,
        model_id as model_name,
        'synthetic' as model_family,
        provider_id as model_developer,
        ['large', 'mid', 'small'][cast(model_number % 3 as integer) + 1] as model_tier,
        1000000 as context_window_tokens,
        cast(null as timestamp) as retires_at,{tail}
    from models order by model_number""",
        "applications": f"""
    select
        application_id,
        application_id as application_name,
        'chat_message' as interaction_type,
        cast(null as varchar) as outcome_type,
        cast(null as varchar) as case_tag,
        cast(null as decimal(9, 6)) as success_target_ratio,{tail}
    from applications order by application_number""",
        "ownership": f"""
    select
        application_id,
        party_role,
        case party_role
            when 'cost_center' then cost_center_id
            when 'business_unit' then 'business-unit-' || (team_number % {COST_CENTERS} % 4)
            when 'product_owner' then 'product-owner-' || team_number
            when 'contributing_team'
                then 'cost-center-'
                    || lpad(cast(application_number % {COST_CENTERS} as varchar), 2, '0')
            else 'cost-center-00'
        end as party_id,
        cast(1 as decimal(9, 6)) as share,{tail}
    from applications
    cross join (
        values
            ('cost_center'), ('business_unit'), ('product_owner'), ('contributing_team'),
            ('platform_team')
    ) as roles(party_role)
    order by application_number, party_role""",
        "cost_centers": f"""
    select
        'cost-center-' || lpad(cast(cost_center_number as varchar), 2, '0') as cost_center_id,
        'Cost center ' || cost_center_number as cost_center_name,
        cast(null as varchar) as parent_cost_center_id,
        'business-unit-' || (cost_center_number % 4) as business_unit_id,
        cast(4000 + cost_center_number as varchar) as ledger_code,
        cast(null as varchar) as successor_cost_center_id,{tail}
    from range({COST_CENTERS}) as numbers(cost_center_number) order by cost_center_number""",
        "billing_accounts": f"""
    select
        'account-' || provider_id as billing_account_id,
        'Account at ' || provider_id as billing_account_name,
        provider_id,
        '*' as deployment_ids,
        '*' as gateway_sub_account_ids,
        'UTC' as billing_time_zone,
        'USD' as billing_currency,{tail}
    from models group by provider_id order by provider_id""",
        "commitments": f"""
    select
        'commitment-' || pool_number as commitment_id,
        'pool-' || pool_number as pool_id,
        provider_id,
        model_id,
        'account-' || provider_id as billing_account_id,
        pool_deployment_id as deployment_ids,
        'provisioned_units' as commitment_type,
        50 as quantity,
        'unit' as unit,
        cast(2 as decimal(18, 6)) as unit_price_usd_per_hour,
        cast(50 * 2 * 24 * {settings.days + 1} as decimal(18, 6)) as total_price_usd,
        cast(0 as decimal(18, 6)) as upfront_amount_usd,
        timestamp '{start}' as term_start_at,
        timestamp '{term_until}' as term_end_at,
        cast(null as integer) as notice_days,
        1200000 as throughput_tokens_per_unit_hour,
        cast(4 as decimal(18, 6)) as output_weight,
        cast(0 as decimal(18, 6)) as cache_read_weight,
        15 as minimum_units,
        5 as increment_units,
        cast(0.15 as decimal(9, 6)) as headroom_ratio,
        'on_demand' as spill_policy,
        cast(null as decimal(18, 6)) as throttle_penalty_usd_per_unit,
        'actual' as spill_charging,
        'hybrid_headroom' as idle_rule,
        'forecast_owner' as excess_idle_rule,
        'forecast-scale' as forecast_version_id,
        'forecast owner' as forecast_owner,
        'cost-center-00' as forecast_owner_cost_center_id,
        cast(null as decimal(9, 6)) as demand_growth_ratio,
        cast(null as decimal(9, 6)) as forecast_error_ratio,{tail}
    from models where pool_number is not null order by pool_number""",
    }
    for name, query in seeds.items():
        connection.execute(
            f"copy ({query}) to {quoted(settings.out / f'{name}.csv')}"
            " (format csv, header, timestampformat '%Y-%m-%d %H:%M:%S')"
        )
    gateway_tables = {
        "teams": f"""
    select
        team_id,
        any_value(team_alias) as team_alias,
        cast(null as varchar) as organization_id,
        '{{"cost_center": "' || any_value(cost_center_id) || '"}}' as metadata,
        cast(null as double) as max_budget,
        cast(null as double) as soft_budget,
        cast(null as varchar) as budget_duration,
        cast(null as timestamp) as budget_reset_at,
        cast(0 as double) as spend,
        false as blocked,
        '{{}}' as models,
        timestamp '{start}' as created_at,
        timestamp '{start}' as updated_at
    from applications group by team_id order by team_id""",
        "keys": f"""
    select
        api_key as token,
        key_alias,
        team_id,
        cast(null as varchar) as user_id,
        cast(null as varchar) as project_id,
        cast(null as varchar) as organization_id,
        '{{"application": "' || application_id || '", "environment": "prod", "cost_center": "'
            || cost_center_id || '"}}' as metadata,
        cast(null as double) as max_budget,
        cast(null as varchar) as budget_duration,
        cast(0 as double) as spend,
        cast(0 as double) as total_spend,
        cast(null as timestamp) as expires,
        cast(null as boolean) as blocked,
        'default' as key_type,
        timestamp '{start}' as created_at,
        timestamp '{start}' as updated_at
    from applications order by application_number""",
    }
    for name, query in gateway_tables.items():
        connection.execute(
            f"copy ({query}) to {quoted(settings.out / 'litellm' / f'{name}.parquet')}"
            " (format parquet, compression zstd)"
        )


def arrival_files(settings: Settings) -> list[ArrivalFile]:
    """Return the files to write. No file crosses a batch: each belongs to whole arrival days."""
    if settings.only_day is not None:
        return [
            ArrivalFile(
                f"spend_logs_day_{settings.only_day:04d}.parquet",
                (settings.only_day - 1) * SECONDS_PER_DAY,
                settings.only_day * SECONDS_PER_DAY,
            )
        ]
    last_day = settings.through_day or settings.last_arrival_day
    rows_per_day = max(1, settings.rows // settings.days)
    days_per_file = max(1, CHUNK_ROWS // rows_per_day)
    files_per_day = max(1, math.ceil(rows_per_day / CHUNK_ROWS))
    edges: list[int] = []
    day = 0
    while day < min(last_day, settings.days):
        edges.extend(
            day * SECONDS_PER_DAY + SECONDS_PER_DAY * part // files_per_day
            for part in range(files_per_day)
        )
        day = min(day + days_per_file, last_day, settings.days)
    edges.append(day * SECONDS_PER_DAY)
    if last_day > settings.days:
        edges.append(last_day * SECONDS_PER_DAY)
    return [
        ArrivalFile(f"spend_logs_{number:04d}.parquet", lower, upper)
        for number, (lower, upper) in enumerate(itertools.pairwise(edges), start=1)
    ]


def write_spend_log_file(settings: Settings, arrival: ArrivalFile) -> int:
    """Write one file of the log and return its rows.

    Each file has its own single-threaded database: the order of rows, and so every byte, does
    not depend on how many files are written at once.
    """
    target = settings.out / "litellm" / arrival.name
    unfinished = target.with_suffix(".unfinished")
    with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1500MB"}) as connection:
        create_reference_tables(connection, settings)
        copied = connection.execute(
            f"copy ({spend_log_query(settings, arrival)}) to {quoted(unfinished)}"
            f" (format parquet, compression zstd, row_group_size {ROW_GROUP_ROWS})"
        ).fetchone()
    unfinished.replace(target)
    return int(copied[0])


def generate(settings: Settings) -> int:
    """Write the files of one synthetic log and return the rows written to the log.

    Raises ValueError for a value out of range, and FileExistsError when the folder already holds
    a log that would mix with the new one.
    """
    settings.validate()
    folder = settings.out / "litellm"
    files = arrival_files(settings)
    present = sorted(folder.glob("spend_logs*"))
    if settings.only_day is not None:
        present = [path for path in present if path.name == files[0].name]
    if present:
        raise FileExistsError(
            f"{present[0]} exists; remove it or choose another --out, so that logs do not mix"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        create_reference_tables(connection, settings)
        write_reference_files(connection, settings)
    with ThreadPoolExecutor(max_workers=settings.jobs) as pool:
        return sum(pool.map(lambda arrival: write_spend_log_file(settings, arrival), files))


def parse_arguments(arguments: list[str] | None = None) -> Settings:
    """Read the command line; stop with a message when a value is out of range."""
    parser = argparse.ArgumentParser(
        description="Write a large synthetic LiteLLM spend log with prices and owners."
    )
    parser.add_argument("--rows", type=int, required=True, help="rows of the log, copies included")
    parser.add_argument("--days", type=int, required=True, help="days on which calls happen")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=1, help="other seed, other data (default 1)")
    parser.add_argument(
        "--late-share",
        type=float,
        default=0.025,
        help="share of calls that arrive on a later day (default 0.025)",
    )
    parser.add_argument(
        "--duplicate-share",
        type=float,
        default=0.015,
        help="share of rows that are a second delivery (default 0.015)",
    )
    parser.add_argument(
        "--start",
        type=datetime.date.fromisoformat,
        default=datetime.date(2026, 1, 1),
        help="first day, UTC (default 2026-01-01)",
    )
    parser.add_argument(
        "--through-day", type=int, help="only what has arrived by the end of this day, from 1"
    )
    parser.add_argument(
        "--only-day", type=int, help="only what arrives on this day, as one more file"
    )
    parser.add_argument("--jobs", type=int, default=2, help="files written at once (default 2)")
    settings = Settings(**vars(parser.parse_args(arguments)))
    try:
        settings.validate()
    except ValueError as error:
        parser.error(str(error))
    return settings


def main() -> int:
    """Generate, and say how many rows and how long."""
    settings = parse_arguments()
    began = time.perf_counter()
    try:
        written = generate(settings)
    except FileExistsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{written} rows in {time.perf_counter() - began:.1f} s under {settings.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
