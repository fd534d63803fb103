{{ config(materialized='table') }}

with

costs as (
    select * from {{ ref('int_commitment_costs_monthly') }}
    qualify known_month = max(known_month) over (partition by pool_id, billing_month)
),

commitments as (
    select * from {{ ref('int_commitments_known') }}
    where is_in_force
),

purchases as (
    select * from {{ ref('int_focus_bill_lines') }}
    where line_kind = 'commitment'
),

months as (
    select * from {{ ref('int_focus_months') }}
),

-- The term that a month falls in, the later one where a term ends within it.
with_terms as (

    select
        costs.*,
        commitments.billing_account_id,
        commitments.provider_id,
        commitments.model_id,
        commitments.is_hourly_capacity,
        commitments.throughput_tokens_per_unit_hour,
        commitments.output_weight,
        commitments.cache_read_weight,
        commitments.unit_price_usd_per_hour,
        months.usd_rate,
        greatest(months.month_starts_at, commitments.term_start_at) as starts_at,
        least(months.month_ends_at, commitments.term_end_at) as ends_at,
        months.month_starts_at,
        months.month_ends_at
    from costs
    inner join commitments
        on costs.commitment_id = commitments.commitment_id
    inner join months
        on
            commitments.billing_account_id = months.billing_account_id
            and costs.billing_month = months.billing_month
            and commitments.term_start_at < months.month_ends_at
            and commitments.term_end_at > months.month_starts_at
    qualify row_number() over (
        partition by costs.commitment_id, costs.billing_month
        order by commitments.term_start_at desc
    ) = 1

),

bills as (

    select
        with_terms.commitment_id,
        with_terms.billing_month,
        min(purchases.bill_id) as bill_id,
        sum(purchases.payable_cost) as purchase_cost,
        min(purchases.charge_period_start) >= with_terms.month_starts_at
        and max(purchases.charge_period_end) <= with_terms.month_ends_at
            as is_bought_by_month
    from with_terms
    inner join purchases
        on
            with_terms.commitment_id = purchases.commitment_id
            and with_terms.month_ends_at > purchases.charge_period_start
            and with_terms.month_starts_at < purchases.charge_period_end
    group by
        with_terms.commitment_id,
        with_terms.billing_month,
        with_terms.month_starts_at,
        with_terms.month_ends_at

),

joined as (

    select
        with_terms.*,
        coalesce(
            bills.bill_id,
            'estimated:' || with_terms.commitment_id || ':'
            || substr(cast(with_terms.billing_month as varchar), 1, 7)
        ) as bill_id,
        coalesce(bills.is_bought_by_month, false) as is_bought_by_month,
        bills.purchase_cost,
        with_terms.capacity_weighted_tokens - with_terms.used_weighted_tokens
            as unused_weighted_tokens
    from with_terms
    left join bills
        on
            with_terms.commitment_id = bills.commitment_id
            and with_terms.billing_month = bills.billing_month

),

-- What was bought for the month costs what its bill says; what was bought for longer
-- costs the month's part of the contract.
costed as (

    select
        *,
        case
            when is_bought_by_month then purchase_cost
            else {{ in_billing_currency('amortized_cost_usd', 'usd_rate') }}
        end as period_cost
    from joined

),

final as (

    select
        *,
        case
            when period_cost = amortized_cost_usd then used_cost_usd
            else coalesce({{ scaled_usd(
                'used_cost_usd', 'period_cost * 1000000', 'amortized_cost_usd * 1000000'
            ) }}, 0)
        end as used_cost,
        case
            when is_hourly_capacity
                then {{ scaled_usd(
                    'used_weighted_tokens', '1', 'throughput_tokens_per_unit_hour'
                ) }}
            else used_weighted_tokens
        end as used_units,
        case
            when is_hourly_capacity
                then {{ scaled_usd(
                    'unused_weighted_tokens', '1', 'throughput_tokens_per_unit_hour'
                ) }}
            else unused_weighted_tokens
        end as unused_units
    from costed

)

select * from final
