{{ config(
    materialized='incremental',
    incremental_strategy='replace_outdated',
    unique_key='attempt_date',
    meta={'versions': 'int_attempt_days'},
    on_schema_change='fail',
    cluster_by=['attempt_date']
) }}

{#- An interaction that comes to a date, or leaves it, may move its attempts of other
    dates; records of one call decide across dates which of them bears its cost. -#}
{%- set received = ref('int_requests_received') -%}
{%- set moved_dates = dates_of_moved_keys(
    received,
    ref('int_requests_resolved'),
    'interaction_id',
    changed_dates(ref('int_attempt_days'), 'attempt_date')
) if is_incremental() else [] -%}
{%- set dates = linked_dates(
    received, received, ['provider_response_id'], moved_dates
) if is_incremental() else [] %}

with

attempts as (
    select * from {{ ref('int_attempts_effective') }}
    {%- if is_incremental() %}
    where {{ falls_on_dates('started_at', dates) }}
    {%- endif %}
),

attempt_days as (
    select * from {{ ref('int_attempt_days') }}
),

blocked_interactions as (
    select interaction_id
    from {{ ref('int_interaction_checks') }}
    where is_blocked_after_generation
),

-- Interactions at hand with records on several dates, also dates that
-- are not built again.
spread_interactions as (

    select interaction_id
    from {{ received }}
    {%- if is_incremental() %}
    where
        interaction_id in (
            select dated.interaction_id
            from {{ received }} as dated
            where {{ falls_on_dates('dated.started_at', dates) }}
        )
    {%- endif %}
    group by interaction_id
    having min(attempt_date) <> max(attempt_date)

),

-- An interaction across midnight belongs to the date of its first accepted attempt.
spread_interaction_dates as (

    select
        requests.interaction_id,
        min(requests.attempt_date) as interaction_date
    from {{ ref('int_requests_resolved') }} as requests
    inner join spread_interactions
        on requests.interaction_id = spread_interactions.interaction_id
    where
        requests.quarantine_reason is null
        and not requests.is_superseded
    group by requests.interaction_id

),

flagged as (

    select
        attempts.*,
        coalesce(spread_interaction_dates.interaction_date, attempts.attempt_date)
            as interaction_date,
        case
            when
                attempts.status = 'client_cancelled'
                and attempts.contracted_cost_usd > 0
                then 'W03'
            when
                attempts.contracted_cost_usd > 0
                and (
                    attempts.status = 'blocked'
                    or blocked_interactions.interaction_id is not null
                )
                then 'W11'
        end as waste_reason,
        nullif(
            case
                when attempts.interaction_id = attempts.source_record_id
                    then '|SYNTH_INTERACTION'
                else ''
            end
            || case
                when attempts.source_record_id like 'synthetic:%' then '|SYNTH_ID'
                else ''
            end
            || case
                when attempts.ended_at < attempts.started_at then '|CLOCK_SKEW'
                else ''
            end
            || case
                when
                    attempts.billing_status = 'billable'
                    and attempts.usage_source = 'gateway_estimate'
                    then '|EST_USAGE'
                else ''
            end
            || case when not attempts.is_cost_bearing then '|CHAINED_DUP' else '' end
            || case
                when attempts.reasoning_tokens > attempts.output_tokens
                    then '|REASONING_ABOVE_OUTPUT'
                else ''
            end
            || case
                when
                    attempts.cache_write_1h_tokens is null
                    and attempts.cache_write_5m_tokens > 0
                    then '|CACHE_LIFETIME_UNKNOWN'
                else ''
            end
            || case
                when attempts.service_tier_requested <> attempts.service_tier_served
                    then '|TIER_MISMATCH'
                else ''
            end
            || case
                when attempts.has_cost_center_conflict then '|COST_CENTER_CONFLICT'
                else ''
            end
            || case
                when attempts.is_outside_commitment then '|NO_COMMITMENT'
                else ''
            end,
            ''
        ) as joined_flags
    from attempts
    left join spread_interaction_dates
        on attempts.interaction_id = spread_interaction_dates.interaction_id
    left join blocked_interactions
        on attempts.interaction_id = blocked_interactions.interaction_id

),

final as (

    select
        -- ids
        flagged.attempt_id,
        flagged.source_name,
        flagged.source_record_id,
        flagged.provider_response_id,
        flagged.interaction_id,
        flagged.session_id,
        flagged.run_id,
        flagged.parent_step_id,
        flagged.step_id,
        flagged.application_id,
        flagged.workflow_id,
        flagged.component_id,
        flagged.component_version,
        flagged.api_key_hash,
        flagged.user_pseudonym,
        flagged.cost_center_tag,
        flagged.case_key,
        flagged.billing_account_id,
        flagged.provider_id,
        coalesce(flagged.model_id, 'UNKNOWN') as model_id,
        flagged.model_requested,
        flagged.model_id as model_served,
        flagged.model_served as model_logged,
        flagged.region_id,
        flagged.deployment_id,
        flagged.commitment_pool_id,
        flagged.cost_center_id,
        flagged.business_unit_id,
        flagged.product_owner_id,
        flagged.contributing_team_id,
        flagged.platform_team_id,
        flagged.price_id,
        -- attributes
        flagged.environment,
        flagged.interaction_type,
        flagged.operation,
        flagged.pricing_mode,
        flagged.service_tier_requested,
        flagged.service_tier_served,
        flagged.attempt_grain,
        flagged.attempt_role,
        flagged.status,
        flagged.error_class,
        flagged.finish_reason,
        flagged.usage_source,
        flagged.owner_source,
        flagged.billing_status,
        flagged.unpriced_reason,
        flagged.waste_reason,
        case
            when flagged.waste_reason is not null then 'definite_waste'
            when flagged.environment in ('sandbox', 'dev') then 'exploratory'
            when flagged.is_success then 'useful_unlinked'
            else 'indeterminate'
        end as demand_class,
        substr(flagged.joined_flags, 2) as quality_flags,
        flagged.request_tags,
        flagged.other_meters,
        -- measures
        flagged.attempt_number,
        flagged.retries_reported,
        flagged.fallbacks_reported,
        flagged.input_uncached_tokens,
        flagged.cache_read_tokens,
        flagged.cache_write_5m_tokens,
        flagged.cache_write_1h_tokens,
        flagged.output_tokens,
        flagged.reasoning_tokens,
        flagged.input_audio_tokens,
        flagged.output_audio_tokens,
        flagged.input_image_tokens,
        flagged.context_tokens,
        cast(flagged.list_cost_usd as numeric(38, 12)) as list_cost_usd,
        cast(flagged.contracted_cost_usd as numeric(38, 12)) as contracted_cost_usd,
        cast(flagged.effective_cost_usd as numeric(38, 12)) as effective_cost_usd,
        cast(flagged.gateway_reported_cost_usd as numeric(38, 12))
            as gateway_reported_cost_usd,
        cast(flagged.unpriced_exposure_usd as numeric(38, 12)) as unpriced_exposure_usd,
        cast(flagged.avoided_cost_usd as numeric(38, 12)) as avoided_cost_usd,
        cast(flagged.cache_lifetime_exposure_usd as numeric(38, 12))
            as cache_lifetime_exposure_usd,
        flagged.latency_seconds,
        flagged.time_to_first_token_seconds,
        -- booleans
        flagged.is_cost_bearing,
        flagged.waste_reason is not null as is_waste,
        flagged.is_success,
        flagged.is_gateway_cache_hit,
        flagged.is_streamed,
        flagged.is_session_explicit,
        flagged.is_application_registered,
        -- dates
        flagged.attempt_date,
        flagged.interaction_date,
        flagged.billing_date,
        flagged.billing_month,
        flagged.known_month,
        -- timestamps
        flagged.started_at,
        flagged.ended_at,
        flagged.ingested_at,
        -- lineage
        attempt_days.inputs_version
    from flagged
    inner join attempt_days
        on flagged.attempt_date = attempt_days.attempt_date

)

select * from final
