with

true_ups as (
    select * from {{ ref('int_true_ups') }}
),

attempts as (
    select
        billing_account_id,
        billing_month,
        model_id,
        case
            when pricing_mode = 'committed_spill' then 'on_demand' else pricing_mode
        end as price_mode,
        effective_cost_usd
    from {{ ref('fct_attempts') }}
    where
        is_cost_bearing
        and pricing_mode <> 'committed'
),

attempt_sums as (

    select
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        sum(effective_cost_usd) as attempts_usd
    from attempts
    group by billing_account_id, billing_month, model_id, price_mode

),

-- The line that makes the calls and the bill agree to the last decimal.
final as (

    select
        true_ups.true_up_id,
        true_ups.billing_account_id,
        true_ups.billing_month,
        true_ups.model_id,
        true_ups.price_mode,
        true_ups.target_usd,
        cast(attempt_sums.attempts_usd as decimal(38, 12)) as attempts_usd,
        cast(true_ups.target_usd - attempt_sums.attempts_usd as decimal(38, 12))
            as residual_usd
    from true_ups
    left join attempt_sums
        on
            true_ups.billing_account_id = attempt_sums.billing_account_id
            and true_ups.billing_month = attempt_sums.billing_month
            and true_ups.model_id = attempt_sums.model_id
            and true_ups.price_mode = attempt_sums.price_mode

)

select * from final
