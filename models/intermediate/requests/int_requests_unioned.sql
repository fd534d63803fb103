with

litellm as (
    select * from {{ ref('stg_litellm__requests') }}
),

otel_genai as (
    select * from {{ ref('int_otel_genai_requests_placed') }}
),

-- A source that is not active is empty, so every connector stands here, active or not.
unioned as (
    select * from litellm
    union all
    select * from otel_genai
),

-- A record without a readable start has a date of its own, so that it is found again.
-- An empty list of meters is none.
final as (

    select
        unioned.* exclude (other_meters),
        case
            when replace(unioned.other_meters, ' ', '') <> '{}'
                then unioned.other_meters
        end as other_meters,
        coalesce(cast(unioned.started_at as date), cast('1900-01-01' as date))
            as attempt_date
    from unioned
    where {{ is_known('ingested_at') }}

)

select * from final
