{%- set gateways = ['litellm', 'otel_genai', 'langfuse'] -%}

with

{% for gateway in gateways if gateway in var('sources') -%}
{{ gateway }} as (
    select * from {{ ref('stg_' ~ gateway ~ '__requests') }}
),

{% endfor -%}
-- The typed shape of a request: what is left when no gateway is active.
none_active as (

    select
        cast(null as varchar) as attempt_id,
        cast(null as varchar) as source_name,
        cast(null as varchar) as source_record_id,
        cast(null as varchar) as provider_response_id,
        cast(null as varchar) as interaction_id,
        cast(null as varchar) as session_id,
        cast(null as varchar) as run_id,
        cast(null as varchar) as parent_step_id,
        cast(null as varchar) as step_id,
        cast(null as varchar) as application_id,
        cast(null as varchar) as workflow_id,
        cast(null as varchar) as component_id,
        cast(null as varchar) as component_version,
        cast(null as varchar) as api_key_hash,
        cast(null as varchar) as user_pseudonym,
        cast(null as varchar) as cost_center_tag,
        cast(null as varchar) as case_key,
        cast(null as varchar) as billing_account_id,
        cast(null as varchar) as provider_id,
        cast(null as varchar) as model_requested,
        cast(null as varchar) as model_served,
        cast(null as varchar) as region_id,
        cast(null as varchar) as deployment_id,
        cast(null as varchar) as commitment_pool_tag,
        cast(null as varchar) as environment,
        cast(null as varchar) as interaction_type,
        cast(null as varchar) as operation,
        cast(null as varchar) as pricing_mode,
        cast(null as varchar) as service_tier_requested,
        cast(null as varchar) as service_tier_served,
        cast(null as varchar) as attempt_grain,
        cast(null as varchar) as attempt_role,
        cast(null as varchar) as status,
        cast(null as varchar) as error_class,
        cast(null as varchar) as finish_reason,
        cast(null as varchar) as usage_source,
        cast(null as varchar) as request_tags,
        cast(null as bigint) as attempt_number,
        cast(null as bigint) as retries_reported,
        cast(null as bigint) as fallbacks_reported,
        cast(null as bigint) as input_uncached_tokens,
        cast(null as bigint) as cache_read_tokens,
        cast(null as bigint) as cache_write_5m_tokens,
        cast(null as bigint) as cache_write_1h_tokens,
        cast(null as bigint) as output_tokens,
        cast(null as bigint) as reasoning_tokens,
        cast(null as bigint) as input_audio_tokens,
        cast(null as bigint) as output_audio_tokens,
        cast(null as bigint) as input_image_tokens,
        cast(null as bigint) as context_tokens,
        cast(null as varchar) as other_meters,
        cast(null as decimal(38, 12)) as gateway_reported_cost_usd,
        cast(null as decimal(18, 3)) as latency_seconds,
        cast(null as decimal(18, 3)) as time_to_first_token_seconds,
        cast(null as boolean) as is_gateway_cache_hit,
        cast(null as boolean) as is_streamed,
        cast(null as boolean) as is_success,
        cast(null as boolean) as is_session_explicit,
        cast(null as timestamp) as started_at,
        cast(null as timestamp) as ended_at,
        cast(null as timestamp) as ingested_at,
        cast(null as varchar) as record_hash
    where 1 = 0

),

unioned as (
    {% for gateway in gateways if gateway in var('sources') -%}
    select * from {{ gateway }}
    union all
    {% endfor -%}
    select * from none_active
),

-- A record without a readable start has a date of its own, so that it is found again.
final as (

    select
        unioned.*,
        coalesce(cast(started_at as date), cast('1900-01-01' as date)) as attempt_date
    from unioned
    where {{ is_known('ingested_at') }}

)

select * from final
