{{ config(
    materialized='incremental',
    incremental_strategy='replace_outdated',
    unique_key='billing_month',
    meta={'versions': 'int_billing_months'},
    on_schema_change='fail'
) }}

{%- set months = changed_dates(ref('int_billing_months'), 'billing_month')
    if is_incremental() else [] %}

with

usage as (
    select * from {{ ref('int_usage_stepped') }}
    where
        rated_usd <> 0
        and {{ falls_on_dates('cast(billing_month as timestamp)', months)
            if is_incremental() else '1 = 1' }}
),

billing_months as (
    select * from {{ ref('int_billing_months') }}
),

ownership_shares as (
    select * from {{ ref('int_ownership_shares') }}
),

summed as (

    select
        step_id,
        owners_known_month,
        billing_account_id,
        provider_id,
        model_id,
        price_mode,
        billing_month,
        attempt_date,
        pricing_mode = 'committed_spill' as is_spill,
        commitment_pool_id,
        application_id,
        contributing_team_id,
        cost_center_id,
        owner_source,
        cast(sum(rated_usd) * 1000000000000 as decimal(38, 0)) as rated_parts
    from usage
    group by
        step_id,
        owners_known_month,
        billing_account_id,
        provider_id,
        model_id,
        price_mode,
        billing_month,
        attempt_date,
        pricing_mode = 'committed_spill',
        commitment_pool_id,
        application_id,
        contributing_team_id,
        cost_center_id,
        owner_source

),

-- Who owned the application then, as far as the step knows. What only a tag owns stays
-- with its tag.
owned as (

    select
        summed.*,
        case
            when summed.owner_source = 'tag' then summed.cost_center_id
            else coalesce(ownership_shares.cost_center_id, 'UNOWNED')
        end as charged_cost_center_id,
        summed.rated_parts * coalesce(ownership_shares.share_millionths, 1000000)
            as weight
    from summed
    left join ownership_shares
        on
            summed.owner_source <> 'tag'
            and summed.application_id = ownership_shares.application_id
            and cast(summed.attempt_date as timestamp) >= ownership_shares.valid_from_at
            and cast(summed.attempt_date as timestamp) < ownership_shares.valid_until_at
            and summed.owners_known_month >= ownership_shares.known_from_month
            and summed.owners_known_month < ownership_shares.known_until_month

),

weighted as (

    select
        step_id,
        billing_account_id,
        provider_id,
        model_id,
        price_mode,
        billing_month,
        is_spill,
        commitment_pool_id,
        application_id,
        contributing_team_id,
        charged_cost_center_id as cost_center_id,
        cast(sum(weight) as decimal(38, 0)) as weight
    from owned
    group by
        step_id,
        billing_account_id,
        provider_id,
        model_id,
        price_mode,
        billing_month,
        is_spill,
        commitment_pool_id,
        application_id,
        contributing_team_id,
        charged_cost_center_id

),

final as (

    select
        weighted.*,
        billing_months.inputs_version
    from weighted
    inner join billing_months
        on weighted.billing_month = billing_months.billing_month

)

select * from final
