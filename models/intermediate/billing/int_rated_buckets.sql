with

placed as (
    select * from {{ ref('int_rated_classes_placed') }}
),

account_rates as (
    select * from {{ ref('int_account_rates') }}
),

steps as (
    select * from {{ ref('int_value_steps') }}
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
        sum(summed.rated_usd) over (
            partition by
                summed.step_id,
                summed.billing_account_id,
                summed.billing_month,
                summed.model_id,
                summed.price_mode,
                summed.token_class
            order by summed.bucket_date, summed.is_billed
            rows between unbounded preceding and current row
        ) as running_usd
    from summed

),

-- Calls are rated at the month's average rate, as the step knows it; a bill is booked
-- at a rate of its own. The running sum is converted, so that what each day cuts off is
-- not lost to the month.
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
    inner join steps
        on running.step_id = steps.step_id
    left join account_rates
        on
            running.billing_account_id = account_rates.billing_account_id
            and running.billing_month = account_rates.billing_month
            and steps.prices_known_month >= account_rates.known_from_month
            and steps.prices_known_month < account_rates.known_until_month

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
