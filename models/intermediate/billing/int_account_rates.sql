with

accounts as (
    {{ latest_rows(ref('billing_accounts'), 'billing_account_id') }}
),

rates as (
    select * from {{ ref('fx_rates') }}
    where {{ is_known('recorded_at') }} and to_currency = 'USD'
    qualify row_number() over (
        partition by from_currency, to_currency, rate_date, rate_type
        order by recorded_at desc
    ) = 1
),

months as (
    select usage_month
    from {{ ref('int_value_steps') }}
    group by usage_month
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
        end as average_rate
    from accounts
    cross join months
    left join rates as booked_rates
        on
            accounts.billing_currency = booked_rates.from_currency
            and months.usage_month = booked_rates.rate_date
            and booked_rates.rate_type = 'booked'
    left join rates as average_rates
        on
            accounts.billing_currency = average_rates.from_currency
            and months.usage_month = average_rates.rate_date
            and average_rates.rate_type = 'month_avg'

)

select * from final
