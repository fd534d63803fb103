with

-- Read apart: one common table would be held in memory whole.
singles as (
    select * from {{ ref('int_requests_received') }}
    where copies = 1
),

repeated as (
    select * from {{ ref('int_requests_received') }}
    where copies > 1
),

models as (
    {{ known_rows(ref('models'), ['model_id']) }}
),

source_precedence as (
    {{ known_rows(ref('source_precedence'), ['source_name']) }}
),

-- Equal payloads of one key are one delivery repeated, others contradict each other.
-- The newest is the payload first seen last, even when an older one arrives again.
payload_copies as (

    select
        attempt_id,
        record_hash,
        count(*) as payload_copies,
        min(ingested_at) as first_ingested_at
    from {{ ref('int_requests_received') }}
    where copies > 1
    group by attempt_id, record_hash

),

payload_versions as (

    select
        attempt_id,
        record_hash,
        cast(payload_copies - 1 as bigint) as exact_duplicates,
        count(*) over (partition by attempt_id) > 1 as is_changed,
        row_number() over (
            partition by attempt_id
            order by first_ingested_at desc, record_hash desc
        ) as version_age
    from payload_copies

),

-- The first of equal copies. They start at the same time: naming it as a key lets a
-- reader of some dates look at the copies of these dates only.
first_copies as (

    select * from repeated
    qualify row_number() over (
        partition by attempt_id, record_hash, started_at
        order by ingested_at
    ) = 1

),

payloads as (

    select
        singles.*,
        cast(0 as bigint) as exact_duplicates,
        false as is_changed,
        1 as version_age
    from singles

    union all

    select
        first_copies.*,
        payload_versions.exact_duplicates,
        payload_versions.is_changed,
        payload_versions.version_age
    from first_copies
    inner join payload_versions
        on
            first_copies.attempt_id = payload_versions.attempt_id
            and first_copies.record_hash = payload_versions.record_hash

),

identified as (

    select
        payloads.*,
        models.context_window_tokens,
        source_precedence.precedence,
        coalesce(source_precedence.is_mutable, false) as is_mutable
    from payloads
    left join models
        on
            payloads.model_id = models.model_id
            and payloads.started_at >= models.valid_from_at
            and payloads.started_at < models.valid_until_at
    left join source_precedence
        on
            payloads.source_name = source_precedence.source_name
            and payloads.started_at >= source_precedence.valid_from_at
            and payloads.started_at < source_precedence.valid_until_at

),

-- The first reason that holds. A record without one is accepted.
final as (

    select
        identified.*,
        identified.is_changed
        and identified.is_mutable
        and identified.version_age > 1 as is_superseded,
        case
            when
                identified.started_at is null
                or identified.started_at < cast('2020-01-01' as timestamp)
                or identified.started_at >= cast('2100-01-01' as timestamp)
                then 'TS_RANGE'
            when
                identified.started_at
                > {{ dbt.dateadd(
                    'second', var('future_tolerance_seconds'), 'ingested_at'
                ) }}
                then 'FUTURE_TS'
            when identified.is_changed and not identified.is_mutable then 'CONFLICT_DUP'
            when
                identified.cache_read_tokens is null
                and identified.cache_write_5m_tokens is null
                then 'METADATA_PARSE'
            when
                identified.context_tokens is null
                or identified.cache_read_tokens is null
                or identified.cache_write_5m_tokens is null
                or identified.input_uncached_tokens is null
                or identified.output_tokens is null
                or identified.input_audio_tokens is null
                or identified.input_image_tokens is null
                or identified.output_audio_tokens is null
                then 'TOKEN_PARSE'
            when
                identified.context_tokens < 0
                or identified.output_tokens < 0
                or identified.cache_read_tokens < 0
                or identified.cache_write_5m_tokens < 0
                or coalesce(identified.cache_write_1h_tokens, 0) < 0
                or identified.input_audio_tokens < 0
                or identified.output_audio_tokens < 0
                or identified.input_image_tokens < 0
                then 'TOKEN_NEGATIVE'
            when identified.input_uncached_tokens < 0 then 'TOKEN_NEGATIVE_NET'
            when
                identified.context_tokens + identified.output_tokens
                > identified.context_window_tokens
                * {{ var('impossible_context_multiple') }}
                then 'TOKEN_IMPOSSIBLE'
        end as quarantine_reason
    from identified

)

select * from final
