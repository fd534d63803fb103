{{ config(materialized='table') }}

with

residuals as (
    select * from {{ ref('int_usage_residuals') }}
),

-- One row per step, account, month, model, pricing mode and token class.
classes as (

    select
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        token_class,
        case
            when
                sum(case when billed_units is null and is_on_the_bill then 1 else 0 end)
                = 0
                then sum(billed_units)
        end as billed_units,
        sum(rated_units) as rated_units,
        sum(billed_usd) as billed_usd,
        sum(rated_usd) as rated_usd,
        sum(rated_at_booked_rate_usd) as rated_at_booked_rate_usd,
        sum(missing_telemetry_usd) as missing_telemetry_usd,
        sum(unexplained_usd) as unexplained_usd,
        sum(price_usd) as price_usd,
        sum(fx_usd) as fx_usd,
        sum(invoice_lines) as invoice_lines,
        sum(whole_cent_lines) as whole_cent_lines
    from residuals
    group by
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        token_class

),

-- Above the tolerance nothing is spread: an account's month is judged as a whole.
judged as (

    select
        classes.*,
        sum(classes.rated_at_booked_rate_usd) over (
            partition by
                classes.step_id,
                classes.billing_account_id,
                classes.billing_month,
                classes.model_id,
                classes.price_mode
        ) = 0 as has_no_telemetry,
        abs(sum(classes.unexplained_usd) over (
            partition by
                classes.step_id, classes.billing_account_id, classes.billing_month
        )) > greatest(
            cast({{ var('unexplained_limit_ratio') }} as decimal(9, 6))
            * abs(sum(classes.billed_usd) over (
                partition by
                    classes.step_id,
                    classes.billing_account_id,
                    classes.billing_month
            )),
            cast({{ var('unexplained_limit_usd') }} as decimal(18, 6))
        ) as is_above_tolerance,
        abs(classes.price_usd)
        <= classes.whole_cent_lines * cast(0.01 as decimal(3, 2)) as is_rounding
    from classes

),

final as (

    select
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        token_class,
        cast(billed_units as decimal(38, 0)) as billed_units,
        cast(rated_units as decimal(38, 0)) as rated_units,
        cast(billed_usd as decimal(38, 12)) as billed_usd,
        cast(rated_usd as decimal(38, 12)) as rated_usd,
        cast(rated_at_booked_rate_usd as decimal(38, 12)) as rated_at_booked_rate_usd,
        cast(missing_telemetry_usd as decimal(38, 12)) as missing_telemetry_usd,
        cast(unexplained_usd as decimal(38, 12)) as unexplained_usd,
        cast(case when is_rounding then 0 else price_usd end as decimal(38, 12))
            as price_usd,
        cast(case when is_rounding then price_usd else 0 end as decimal(38, 12))
            as rounding_usd,
        cast(fx_usd as decimal(38, 12)) as fx_usd,
        -- What goes to those whom the telemetry names.
        cast(
            case
                when has_no_telemetry or is_above_tolerance then 0
                else unexplained_usd + price_usd
            end as decimal(38, 12)
        ) as true_up_usd,
        cast(
            case
                when has_no_telemetry or not is_above_tolerance then 0
                else unexplained_usd + price_usd
            end as decimal(38, 12)
        ) as unallocated_usd,
        cast(
            case when has_no_telemetry then unexplained_usd + price_usd else 0 end
            as decimal(38, 12)
        ) as unattributed_usd,
        cast(invoice_lines as bigint) as invoice_lines,
        is_above_tolerance
    from judged

)

select * from final
