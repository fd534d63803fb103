{{ config(
    materialized='incremental',
    incremental_strategy='replace_outdated',
    unique_key='attempt_date',
    meta={'versions': 'int_rating_days'},
    on_schema_change='fail',
    cluster_by=['attempt_date']
) }}

{#- Of two records of one call only one bears its cost, also across midnight. This
    model has no calls of its own: the last build's fct_attempts, which is built
    later, knows which ones went together. -#}
{%- set received = ref('int_requests_received') -%}
{%- set built_attempts = adapter.get_relation(
    this.database, this.schema, 'fct_attempts'
) if execute -%}
{%- set dates = linked_dates(
    received,
    received,
    ['provider_response_id'],
    changed_dates(ref('int_rating_days'), 'attempt_date'),
    built_attempts or received
) if is_incremental() else [] %}

with

attempts as (
    select * from {{ ref('int_attempts_owned') }}
    where
        is_cost_bearing
    {%- if is_incremental() %}
        and {{ falls_on_dates('started_at', dates) }}
        {%- endif %}
),

rating_days as (
    select * from {{ ref('int_rating_days') }}
),

-- A call that bills nothing is counted, its tokens are not.
billed as (

    select
        attempt_date,
        billing_date,
        billing_month,
        known_month,
        source_name,
        coalesce(billing_account_id, 'UNKNOWN') as billing_account_id,
        coalesce(provider_id, 'UNKNOWN') as provider_id,
        coalesce(model_id, 'UNKNOWN') as model_id,
        pricing_mode,
        price_mode,
        commitment_pool_id,
        region_id,
        segment_id,
        price_id,
        application_id,
        component_id,
        contributing_team_id,
        platform_team_id,
        cost_center_id,
        business_unit_id,
        owner_source,
        environment,
        unpriced_reason,
        api_key_hash,
        user_pseudonym,
        {%- for token_class in priced_token_classes() %}
        contracted_graduated_{{ token_class }}_usd,
        case
            when billing_status = 'billable' then coalesce({{ token_class }}_tokens, 0)
            else 0
        end as {{ token_class }}_tokens,
        {%- endfor %}
        list_cost_usd,
        contracted_cost_usd,
        gateway_reported_cost_usd,
        unpriced_exposure_usd
    from attempts

),

summed as (

    select
        attempt_date,
        billing_date,
        billing_month,
        known_month,
        source_name,
        billing_account_id,
        provider_id,
        model_id,
        pricing_mode,
        price_mode,
        commitment_pool_id,
        region_id,
        segment_id,
        price_id,
        application_id,
        component_id,
        contributing_team_id,
        platform_team_id,
        cost_center_id,
        business_unit_id,
        owner_source,
        environment,
        unpriced_reason,
        cast(count(*) as bigint) as attempts,
        min(api_key_hash) as first_api_key_hash,
        max(api_key_hash) as last_api_key_hash,
        min(user_pseudonym) as first_user_pseudonym,
        max(user_pseudonym) as last_user_pseudonym,
        {%- for token_class in priced_token_classes() %}
        cast(sum({{ token_class }}_tokens) as bigint) as {{ token_class }}_tokens,
        cast(sum(contracted_graduated_{{ token_class }}_usd) as decimal(38, 12))
            as {{ token_class }}_graduated_usd,
        {%- endfor %}
        cast(sum(list_cost_usd) as decimal(38, 12)) as list_cost_usd,
        cast(sum(contracted_cost_usd) as decimal(38, 12)) as contracted_cost_usd,
        cast(sum(gateway_reported_cost_usd) as decimal(38, 12))
            as gateway_reported_cost_usd,
        cast(sum(unpriced_exposure_usd) as decimal(38, 12)) as unpriced_exposure_usd
    from billed
    group by
        attempt_date,
        billing_date,
        billing_month,
        known_month,
        source_name,
        billing_account_id,
        provider_id,
        model_id,
        pricing_mode,
        price_mode,
        commitment_pool_id,
        region_id,
        segment_id,
        price_id,
        application_id,
        component_id,
        contributing_team_id,
        platform_team_id,
        cost_center_id,
        business_unit_id,
        owner_source,
        environment,
        unpriced_reason

),

final as (

    select
        summed.*,
        rating_days.inputs_version
    from summed
    inner join rating_days
        on summed.attempt_date = rating_days.attempt_date

)

select * from final
