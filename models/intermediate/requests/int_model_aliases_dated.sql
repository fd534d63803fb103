{{ config(materialized='table') }}

with

model_aliases as (
    {{ known_rows(ref('model_aliases'), ['source_name', 'alias']) }}
),

source_precedence as (
    {{ known_rows(ref('source_precedence'), ['source_name']) }}
),

-- An alias for any source is repeated for each, so that requests join on equal keys.
per_source as (

    select
        source_precedence.source_name,
        model_aliases.alias,
        model_aliases.provider_id,
        model_aliases.model_id,
        model_aliases.valid_from_at,
        model_aliases.valid_until_at,
        model_aliases.recorded_at,
        case when model_aliases.source_name = '*' then 2 else 1 end as specificity
    from model_aliases
    inner join source_precedence
        on model_aliases.source_name in ('*', source_precedence.source_name)

),

-- Where some row of a text starts or ends: in between exactly one holds.
instants as (

    select
        source_name,
        alias,
        valid_from_at as starts_at
    from per_source
    union distinct
    select
        source_name,
        alias,
        valid_until_at as starts_at
    from per_source

),

segments as (

    select
        source_name,
        alias,
        starts_at,
        lead(starts_at) over (
            partition by source_name, alias order by starts_at
        ) as ends_at
    from instants

),

final as (

    select
        segments.source_name,
        segments.alias,
        per_source.provider_id,
        per_source.model_id,
        segments.starts_at as valid_from_at,
        segments.ends_at as valid_until_at
    from segments
    inner join per_source
        on
            segments.source_name = per_source.source_name
            and segments.alias = per_source.alias
            and segments.starts_at >= per_source.valid_from_at
            and segments.starts_at < per_source.valid_until_at
    qualify row_number() over (
        partition by segments.source_name, segments.alias, segments.starts_at
        order by per_source.specificity asc, per_source.recorded_at desc
    ) = 1

)

select * from final
