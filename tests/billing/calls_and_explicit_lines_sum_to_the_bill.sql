-- What the calls cost in the end, what stands apart from them and what rounding
-- down left equal the bills of every account and month, to the last decimal. Days
-- that no bill covers yet are on neither side.
with

newest_steps as (
    select step_id
    from {{ ref('int_value_steps') }}
    where is_newest
),

amounts as (

    select
        coalesce(attempts.billing_account_id, 'UNKNOWN') as billing_account_id,
        attempts.billing_month,
        attempts.effective_cost_usd as amount_usd
    from {{ ref('fct_attempts') }} as attempts
    where
        attempts.is_cost_bearing
        and attempts.pricing_mode <> 'committed'
    union all
    select
        billing_account_id,
        billing_month,
        residual_usd as amount_usd
    from {{ ref('int_true_up_residuals') }}
    union all
    select
        residuals.billing_account_id,
        residuals.billing_month,
        residuals.missing_telemetry_usd
        + residuals.unallocated_usd
        + residuals.unattributed_usd as amount_usd
    from {{ ref('int_residuals_classified') }} as residuals
    inner join newest_steps
        on residuals.step_id = newest_steps.step_id
    union all
    select
        rated.billing_account_id,
        rated.billing_month,
        -rated.rated_usd as amount_usd
    from {{ ref('int_rated_buckets') }} as rated
    inner join newest_steps
        on rated.step_id = newest_steps.step_id
    where not rated.is_billed
    union all
    select
        lines.billing_account_id,
        lines.billing_month,
        case when lines.line_kind = 'metered' then -lines.billed_cost_usd else 0 end
            as amount_usd
    from {{ ref('int_invoice_lines_stepped') }} as lines
    inner join newest_steps
        on lines.step_id = newest_steps.step_id

)

select
    billing_account_id,
    billing_month,
    sum(amount_usd) as difference_usd
from amounts
group by billing_account_id, billing_month
having sum(amount_usd) <> 0
