{{ config(materialized='table') }}

with

price_list as (
    select * from {{ ref('price_list') }}
    where {{ is_known('recorded_at') }}
),

contract_prices as (
    select * from {{ ref('contract_prices') }}
    where {{ is_known('recorded_at') }}
),

fx_rates as (
    select * from {{ ref('fx_rates') }}
    where
        rate_type = 'month_avg'
        and to_currency = 'USD'
        and {{ is_known('recorded_at') }}
),

-- What was known when the calendar begins was always known.
periods as (
    select
        known_after_at,
        known_until_at,
        case
            when known_after_at = cast('1900-01-01' as timestamp)
                then cast('1900-01-01' as date)
            else posting_month
        end as known_month
    from {{ ref('int_posting_periods') }}
),

-- Of the rates that one close learned of, the latest.
known_rates as (

    select
        fx_rates.from_currency,
        fx_rates.rate_date,
        fx_rates.rate,
        periods.known_month
    from fx_rates
    inner join periods
        on
            fx_rates.recorded_at > periods.known_after_at
            and fx_rates.recorded_at <= periods.known_until_at
    qualify row_number() over (
        partition by fx_rates.from_currency, fx_rates.rate_date, periods.known_month
        order by fx_rates.recorded_at desc
    ) = 1

),

monthly_rates as (

    select
        known_rates.*,
        coalesce(
            lead(known_rates.known_month) over (
                partition by known_rates.from_currency, known_rates.rate_date
                order by known_rates.known_month
            ),
            cast('9999-12-01' as date)
        ) as known_until_month
    from known_rates

),

price_rows as (
    select
        'list' as price_kind,
        price_list.*
    from price_list
    union all
    select
        'contracted' as price_kind,
        contract_prices.*
    from contract_prices
),

-- A price in another currency becomes one row per month with a rate, and another
-- where a later close knows a corrected rate; without a rate, none.
final as (

    select
        price_rows.price_id,
        price_rows.price_kind,
        price_rows.provider_id,
        price_rows.model_id,
        price_rows.billing_account_id,
        price_rows.region_id,
        price_rows.pricing_mode,
        price_rows.token_class,
        coalesce(price_rows.context_from_tokens, 0) as context_from_tokens,
        coalesce(price_rows.context_until_tokens, 9000000000000000000)
            as context_until_tokens,
        price_rows.volume_from_units,
        price_rows.volume_until_units,
        price_rows.volume_from_units is not null
        or price_rows.volume_until_units is not null as is_graduated,
        price_rows.unit_price,
        price_rows.unit_quantity,
        price_rows.currency,
        cast(
            cast(price_rows.unit_price as decimal(20, 6))
            * coalesce(monthly_rates.rate, cast(1 as decimal(18, 6))) as decimal(24, 12)
        ) as unit_price_usd,
        greatest(
            price_rows.valid_from_at,
            coalesce(
                cast(monthly_rates.rate_date as timestamp), price_rows.valid_from_at
            )
        ) as valid_from_at,
        least(
            price_rows.valid_until_at,
            coalesce(
                cast(
                    {{ dbt.dateadd('month', 1, 'monthly_rates.rate_date') }}
                    as timestamp
                ),
                price_rows.valid_until_at
            )
        ) as valid_until_at,
        price_rows.recorded_at,
        greatest(
            periods.known_month,
            coalesce(monthly_rates.known_month, periods.known_month)
        ) as known_from_month,
        coalesce(monthly_rates.known_until_month, cast('9999-12-01' as date))
            as known_until_month
    from price_rows
    inner join periods
        on
            price_rows.recorded_at > periods.known_after_at
            and price_rows.recorded_at <= periods.known_until_at
    left join monthly_rates
        on
            price_rows.currency = monthly_rates.from_currency
            and price_rows.valid_until_at > cast(monthly_rates.rate_date as timestamp)
            and price_rows.valid_from_at
            < cast(
                {{ dbt.dateadd('month', 1, 'monthly_rates.rate_date') }}
                as timestamp
            )
    where
        (price_rows.currency = 'USD' or monthly_rates.rate is not null)
        -- A rate that was corrected before the price was known has converted nothing.
        and periods.known_month
        < coalesce(monthly_rates.known_until_month, cast('9999-12-01' as date))

)

select * from final
