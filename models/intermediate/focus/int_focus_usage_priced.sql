{{ config(materialized='table') }}

{%- set ladder = [
    'billing_account_id', 'ladder_id', 'token_class', 'utc_month', 'volume_from_units',
] -%}
{%- set step_end = 'least(coalesce(volume_until_units, month_units), month_units)' -%}
{%- set step_start = 'least(volume_from_units, month_units)' -%}

with

usage as (
    select * from {{ ref('int_focus_usage') }}
),

prices as (
    select * from {{ ref('int_focus_prices') }}
),

months as (
    select * from {{ ref('int_focus_months') }}
),

joined as (

    select
        usage.*,
        cast({{ dbt.date_trunc('month', 'usage.attempt_date') }} as date) as utc_month,
        prices.price_row_id,
        coalesce(prices.is_graduated, false) as is_graduated,
        prices.ladder_id,
        prices.volume_from_units,
        prices.volume_until_units,
        prices.contracted_currency,
        prices.contracted_price,
        prices.contracted_price_usd,
        prices.list_currency,
        prices.list_price,
        prices.list_price_usd,
        months.billing_currency,
        months.usd_rate
    from usage
    inner join months
        on
            usage.billing_account_id = months.billing_account_id
            and usage.billing_month = months.billing_month
    left join prices
        on
            usage.price_id = prices.price_id
            and usage.token_class = prices.token_class

),

-- Tokens of an account's month, laid end to end: the place of a row decides nothing but
-- where rounding to whole tokens falls.
running as (

    select
        *,
        sum(units) over (partition by {{ ladder | join(', ') }}) as month_units,
        sum(units) over (
            partition by {{ ladder | join(', ') }}
            order by
                attempt_date,
                application_id,
                business_unit_id,
                bill_id,
                coalesce(component_id, ''),
                coalesce(contributing_team_id, ''),
                environment,
                pricing_mode,
                price_id,
                coalesce(region_id, ''),
                coalesce(commitment_pool_id, '')
            rows between unbounded preceding and current row
        ) as units_until_row
    from joined

),

-- Every row has the month's mix of steps.
stepped as (

    select
        *,
        case
            when not is_graduated then units
            else
                {{ whole_quotient('units_until_row * ' ~ step_end, 'month_units') }}
                - {{ whole_quotient(
                    '(units_until_row - units) * ' ~ step_end, 'month_units'
                ) }}
                - {{ whole_quotient('units_until_row * ' ~ step_start, 'month_units') }}
                + {{ whole_quotient(
                    '(units_until_row - units) * ' ~ step_start, 'month_units'
                ) }}
        end as step_units
    from running

),

final as (

    select
        stepped.* exclude (
            units, attempts, utc_month, month_units, units_until_row, step_units,
            is_graduated, ladder_id, volume_until_units
        ),
        cast(stepped.step_units as numeric(38, 6)) as units,
        case
            when coalesce(stepped.volume_from_units, 0) = 0 then stepped.attempts
        end as attempts,
        case
            when stepped.contracted_currency = stepped.billing_currency
                then stepped.contracted_price
            else {{ in_billing_currency(
                'stepped.contracted_price_usd', 'stepped.usd_rate'
            ) }}
        end as contracted_unit_price,
        case
            when stepped.list_currency = stepped.billing_currency
                then stepped.list_price
            else {{ in_billing_currency('stepped.list_price_usd', 'stepped.usd_rate') }}
        end as list_unit_price
    from stepped
    where stepped.step_units <> 0

)

select * from final
