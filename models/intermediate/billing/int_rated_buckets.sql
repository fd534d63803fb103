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

placed as (
    select * from {{ ref('int_rated_classes_placed') }}
    {%- if is_incremental() %}
    where {{ falls_on_dates('cast(billing_month as timestamp)', months) }}
    {%- endif %}
),

billing_months as (
    select * from {{ ref('int_billing_months') }}
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
        converted.step_id,
        converted.billing_account_id,
        converted.billing_month,
        converted.model_id,
        converted.price_mode,
        converted.token_class,
        converted.bucket_date,
        converted.is_billed,
        converted.rated_units,
        converted.rated_usd,
        cast(
            converted.running_at_booked_rate_usd - coalesce(
                lag(converted.running_at_booked_rate_usd) over (
                    partition by
                        converted.step_id,
                        converted.billing_account_id,
                        converted.billing_month,
                        converted.model_id,
                        converted.price_mode,
                        converted.token_class
                    order by converted.bucket_date, converted.is_billed
                ),
                0
            ) as decimal(38, 12)
        ) as rated_at_booked_rate_usd,
        billing_months.inputs_version
    from converted
    inner join billing_months
        on converted.billing_month = billing_months.billing_month

)

select * from final
