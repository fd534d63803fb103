{{ config(materialized='table') }}

with

accounts as (
    {{ latest_rows(ref('billing_accounts'), 'billing_account_id') }}
),

booked_rates as (
    select * from {{ ref('fx_rates') }}
    where
        {{ is_known('recorded_at') }}
        and to_currency = 'USD'
        and rate_type = 'booked'
    qualify row_number() over (
        partition by from_currency, rate_date
        order by recorded_at desc
    ) = 1
),

months as (
    select usage_month
    from {{ ref('int_value_steps') }}
    group by usage_month
),

-- What was known when the calendar begins was always known. A month's average that is
-- corrected holds from the period that learns of it, as the prices do that it converts.
averages as (

    select
        fx_rates.from_currency,
        fx_rates.rate_date,
        fx_rates.rate,
        case
            when periods.known_after_at = cast('1900-01-01' as timestamp)
                then cast('1900-01-01' as date)
            else periods.posting_month
        end as known_from_month
    from {{ ref('fx_rates') }} as fx_rates
    inner join {{ ref('int_posting_periods') }} as periods
        on
            fx_rates.recorded_at > periods.known_after_at
            and fx_rates.recorded_at <= periods.known_until_at
    where
        fx_rates.rate_type = 'month_avg'
        and fx_rates.to_currency = 'USD'
        and {{ is_known('fx_rates.recorded_at') }}
    qualify row_number() over (
        partition by fx_rates.from_currency, fx_rates.rate_date, periods.posting_month
        order by fx_rates.recorded_at desc
    ) = 1

),

average_rates as (

    select
        *,
        coalesce(
            lead(known_from_month) over (
                partition by from_currency, rate_date
                order by known_from_month
            ),
            cast('9999-12-01' as date)
        ) as known_until_month
    from averages

),

final as (

    select
        accounts.billing_account_id,
        months.usage_month as billing_month,
        accounts.billing_currency,
        case
            when accounts.billing_currency = 'USD' then 1
            else coalesce(booked_rates.rate, average_rates.rate)
        end as booked_rate,
        case
            when accounts.billing_currency = 'USD' then 1
            else average_rates.rate
        end as average_rate,
        coalesce(average_rates.known_from_month, cast('1900-01-01' as date))
            as known_from_month,
        coalesce(average_rates.known_until_month, cast('9999-12-01' as date))
            as known_until_month
    from accounts
    cross join months
    left join booked_rates
        on
            accounts.billing_currency = booked_rates.from_currency
            and months.usage_month = booked_rates.rate_date
    left join average_rates
        on
            accounts.billing_currency = average_rates.from_currency
            and months.usage_month = average_rates.rate_date

)

select * from final
