{{ config(materialized='table') }}

with

foreign_prices as (

    select
        provider_id,
        model_id,
        currency,
        valid_from_at,
        valid_until_at
    from {{ ref('price_list') }}
    where currency <> 'USD' and {{ is_known('recorded_at') }}
    union all
    select
        provider_id,
        model_id,
        currency,
        valid_from_at,
        valid_until_at
    from {{ ref('contract_prices') }}
    where currency <> 'USD' and {{ is_known('recorded_at') }}

),

months as (
    select distinct month_start_date
    from {{ ref('dim_dates') }}
),

monthly_rates as (
    select distinct
        from_currency,
        rate_date
    from {{ ref('fx_rates') }}
    where
        rate_type = 'month_avg'
        and to_currency = 'USD'
        and {{ is_known('recorded_at') }}
),

-- One row per model and month in which its price holds but its currency has no rate.
final as (

    select distinct
        foreign_prices.provider_id,
        foreign_prices.model_id,
        months.month_start_date as first_date,
        cast({{ dbt.dateadd('month', 1, 'months.month_start_date') }} as date)
            as end_date
    from foreign_prices
    inner join months
        on
            cast(months.month_start_date as timestamp) < foreign_prices.valid_until_at
            and cast(
                {{ dbt.dateadd('month', 1, 'months.month_start_date') }}
                as timestamp
            )
            > foreign_prices.valid_from_at
    left join monthly_rates
        on
            foreign_prices.currency = monthly_rates.from_currency
            and months.month_start_date = monthly_rates.rate_date
    where monthly_rates.rate_date is null

)

select * from final
