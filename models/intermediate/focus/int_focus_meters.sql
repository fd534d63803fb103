{{ config(materialized='table') }}

{%- set attributes = focus_usage_attributes() -%}

with

attempts as (
    select * from {{ ref('fct_attempts') }}
    where
        other_meters is not null
        and is_cost_bearing
        and billing_status = 'billable'
        and pricing_mode <> 'committed'
),

meters as (
    {{ json_numbers('attempts', 'attempt_id', 'other_meters') }}
),

-- Searches, images and whatever else a call is billed for beside its tokens.
described as (

    select
        attempts.attempt_date,
        attempts.billing_month,
        coalesce(attempts.billing_account_id, 'UNKNOWN') as billing_account_id,
        coalesce(attempts.provider_id, 'UNKNOWN') as provider_id,
        attempts.model_id,
        attempts.pricing_mode,
        case
            when attempts.pricing_mode = 'committed_spill' then 'on_demand'
            else attempts.pricing_mode
        end as price_mode,
        attempts.price_id,
        attempts.region_id,
        attempts.business_unit_id,
        attempts.application_id,
        attempts.component_id,
        attempts.contributing_team_id,
        attempts.environment,
        attempts.commitment_pool_id,
        false as is_covered,
        attempts.billing_date,
        meters.meter as token_class,
        meters.units,
        attempts.api_key_hash,
        attempts.user_pseudonym
    from attempts
    inner join meters
        on attempts.attempt_id = meters.attempt_id
    where meters.units > 0

),

final as (

    select
        {{ attributes | join(',\n        ') }},
        billing_date,
        token_class,
        cast(sum(cast(units as decimal(18, 6))) as numeric(38, 6)) as units,
        min(api_key_hash) as first_api_key_hash,
        max(api_key_hash) as last_api_key_hash,
        min(user_pseudonym) as first_user_pseudonym,
        max(user_pseudonym) as last_user_pseudonym
    from described
    group by
        {{ attributes | join(',\n        ') }},
        billing_date,
        token_class

)

select * from final
