with

rated as (
    select * from {{ ref('int_rated_classes_daily') }}
),

billed as (
    select * from {{ ref('int_billed_classes') }}
),

account_rates as (
    select * from {{ ref('int_account_rates') }}
),

billed_keys as (
    select distinct
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        token_class,
        is_billed_by_day
    from billed
),

-- A bill that is still provisional says nothing yet about the days after its last line.
billed_months as (

    select
        step_id,
        billing_account_id,
        billing_month,
        max(case when document_type = 'provisional' then 0 else 1 end) = 1 as is_final,
        max(billing_date) as last_billed_date
    from {{ ref('int_invoice_lines_stepped') }}
    where line_kind not in ('credit', 'tax', 'adjustment')
    group by step_id, billing_account_id, billing_month

),

placed as (

    select
        rated.*,
        case
            when coalesce(billed_keys.is_billed_by_day, true) then rated.billing_date
            else rated.billing_month
        end as bucket_date,
        coalesce(
            billed_months.is_final
            or rated.billing_date <= billed_months.last_billed_date
            or not billed_keys.is_billed_by_day,
            false
        ) as is_billed
    from rated
    left join billed_months
        on
            rated.step_id = billed_months.step_id
            and rated.billing_account_id = billed_months.billing_account_id
            and rated.billing_month = billed_months.billing_month
    left join billed_keys
        on
            rated.step_id = billed_keys.step_id
            and rated.billing_account_id = billed_keys.billing_account_id
            and rated.billing_month = billed_keys.billing_month
            and rated.model_id = billed_keys.model_id
            and rated.price_mode = billed_keys.price_mode
            and rated.token_class = billed_keys.token_class

),

summed as (

    select
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        token_class,
        bucket_date,
        is_billed,
        cast(sum(units) as decimal(38, 0)) as rated_units,
        cast(sum(rated_usd) as decimal(38, 12)) as rated_usd
    from placed
    group by
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        token_class,
        bucket_date,
        is_billed

),

running as (

    select
        summed.*,
        sum(rated_usd) over (
            partition by
                step_id,
                billing_account_id,
                billing_month,
                model_id,
                price_mode,
                token_class
            order by bucket_date, is_billed
            rows between unbounded preceding and current row
        ) as running_usd
    from summed

),

-- Calls are rated at the month's average rate, a bill is booked at a rate of its own. The
-- running sum is converted, so that what each day cuts off is not lost to the month.
converted as (

    select
        running.*,
        case
            when
                account_rates.average_rate is null
                or account_rates.average_rate = account_rates.booked_rate
                then running.running_usd
            else {{ scaled_usd(
                'running.running_usd',
                'account_rates.booked_rate * 1000000',
                'cast(account_rates.average_rate * 1000000 as decimal(38, 0))',
            ) }}
        end as running_at_booked_rate_usd
    from running
    left join account_rates
        on
            running.billing_account_id = account_rates.billing_account_id
            and running.billing_month = account_rates.billing_month

),

final as (

    select
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        token_class,
        bucket_date,
        is_billed,
        rated_units,
        rated_usd,
        cast(
            running_at_booked_rate_usd - coalesce(
                lag(running_at_booked_rate_usd) over (
                    partition by
                        step_id,
                        billing_account_id,
                        billing_month,
                        model_id,
                        price_mode,
                        token_class
                    order by bucket_date, is_billed
                ),
                0
            ) as decimal(38, 12)
        ) as rated_at_booked_rate_usd
    from converted

)

select * from final
