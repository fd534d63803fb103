{{ config(materialized='table') }}

with

attempts as (
    select * from {{ ref('fct_attempts') }}
),

-- Deployments at which the gateway logs use without a price: capacity that is paid for.
-- Some of their calls still cost it something, since it prices cache reads apart.
free_deployments as (
    select deployment_id
    from attempts
    where
        billing_status = 'billable'
        and input_uncached_tokens + output_tokens > 0
        and gateway_reported_cost_usd = 0
        and deployment_id is not null
    group by deployment_id
),

card_rows as (
    select * from {{ ref('int_price_card_rows') }}
    where
        price_purpose = 'contracted'
        and known_until_month = cast('9999-12-01' as date)
),

contract_prices as (
    select price_id
    from {{ ref('contract_prices') }}
    group by price_id
),

-- One row per price card.
cards as (

    select
        card_rows.price_id,
        max(case when card_rows.currency <> 'USD' then 1 else 0 end) = 1
            as is_converted,
        max(case when card_rows.is_graduated then 1 else 0 end) = 1
            as is_graduated,
        count(contract_prices.price_id) > 0 as is_negotiated
    from card_rows
    left join contract_prices
        on card_rows.price_row_id = contract_prices.price_id
    group by card_rows.price_id

),

-- The first cause that holds. `price_difference` is what no other one explains.
explained as (

    select
        coalesce(attempts.billing_account_id, 'UNKNOWN') as billing_account_id,
        cast({{ dbt.date_trunc('month', 'attempts.attempt_date') }} as date)
            as usage_month,
        attempts.provider_id,
        attempts.model_id,
        attempts.contracted_cost_usd,
        attempts.gateway_reported_cost_usd,
        attempts.unpriced_exposure_usd,
        case
            when attempts.pricing_mode = 'committed' then 0
            else attempts.contracted_cost_usd
        end as rated_usd,
        case
            when attempts.gateway_reported_cost_usd is null
                then 'not_reported_by_gateway'
            when attempts.is_gateway_cache_hit then 'gateway_cache_hit'
            when attempts.unpriced_reason is not null
                then 'unpriced_' || attempts.unpriced_reason
            when attempts.contracted_cost_usd = attempts.gateway_reported_cost_usd
                then 'equal'
            when not attempts.is_cost_bearing then 'borne_by_another_record'
            when attempts.billing_status = 'not_billable'
                then 'failure_charged_by_gateway'
            when
                attempts.pricing_mode = 'committed'
                or free_deployments.deployment_id is not null
                then 'capacity_logged_at_zero'
            when attempts.reasoning_tokens > attempts.output_tokens
                then 'reasoning_charged_above_output'
            when attempts.usage_source <> 'provider' then 'usage_estimated_by_gateway'
            when attempts.other_meters is not null then 'other_meters'
            when cards.is_converted then 'price_in_another_currency'
            when cards.is_graduated then 'graduated_price'
            when cards.is_negotiated then 'contract_price'
            else 'price_difference'
        end as cause
    from attempts
    left join free_deployments
        on attempts.deployment_id = free_deployments.deployment_id
    left join cards
        on attempts.price_id = cards.price_id

),

final as (

    select
        billing_account_id,
        usage_month,
        provider_id,
        model_id,
        cause,
        cast(count(*) as bigint) as attempts,
        cast(sum(contracted_cost_usd) as decimal(38, 12)) as contracted_cost_usd,
        cast(sum(gateway_reported_cost_usd) as decimal(38, 12))
            as gateway_reported_cost_usd,
        cast(coalesce(sum(rated_usd), 0) as decimal(38, 12)) as rated_usd,
        cast(
            sum(contracted_cost_usd - gateway_reported_cost_usd) as decimal(38, 12)
        ) as difference_usd,
        cast(sum(unpriced_exposure_usd) as decimal(38, 12)) as unpriced_exposure_usd
    from explained
    group by billing_account_id, usage_month, provider_id, model_id, cause

)

select * from final
