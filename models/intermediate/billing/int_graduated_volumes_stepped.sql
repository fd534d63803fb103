{{ config(materialized='table') }}

{%- set volume = [
    'step_id', 'billing_account_id', 'utc_month', 'token_class', 'ladder',
] -%}

with

units as (
    select * from {{ ref('int_graduated_units_monthly') }}
),

-- The newest step has the amounts of the calls themselves.
value_steps as (
    select * from {{ ref('int_value_steps') }}
    where not is_newest
),

graduated_ladders as (
    select * from {{ ref('int_graduated_ladders') }}
),

-- Which steps a price had then, and the steps of each ladder once.
ladders as (
    select distinct
        segment_id,
        token_class,
        known_from_month,
        known_until_month,
        ladder
    from graduated_ladders
),

price_steps as (
    select distinct
        token_class,
        ladder,
        volume_from_units,
        volume_until_units,
        unit_price_usd,
        unit_quantity
    from graduated_ladders
),

-- By the clock of an account elsewhere a month of the ledger lies in two UTC months.
months as (

    select
        billing_month,
        billing_account_id,
        utc_month
    from units
    group by billing_month, billing_account_id, utc_month

),

-- All that the step knows of the UTC month climbs, whichever month of the ledger it
-- belongs to.
volumes as (

    select
        value_steps.step_id,
        units.billing_account_id,
        units.utc_month,
        units.token_class,
        ladders.ladder,
        sum(units.units) as total_units,
        sum(
            case
                when units.billing_month = value_steps.usage_month then units.units
                else 0
            end
        ) as month_units
    from value_steps
    inner join months
        on value_steps.usage_month = months.billing_month
    inner join units
        on
            months.billing_account_id = units.billing_account_id
            and months.utc_month = units.utc_month
            and value_steps.usage_known_month >= units.known_month
    inner join ladders
        on
            units.segment_id = ladders.segment_id
            and units.token_class = ladders.token_class
            and value_steps.prices_known_month >= ladders.known_from_month
            and value_steps.prices_known_month < ladders.known_until_month
    group by
        value_steps.step_id,
        units.billing_account_id,
        units.utc_month,
        units.token_class,
        ladders.ladder

),

climbed as (

    select
        volumes.*,
        {{ graduated_step_parts('volumes.total_units', 'price_steps') }} as step_parts
    from volumes
    inner join price_steps
        on
            volumes.token_class = price_steps.token_class
            and volumes.ladder = price_steps.ladder
            and volumes.total_units > price_steps.volume_from_units

),

final as (

    select
        {{ volume | join(',\n        ') }},
        cast(total_units as bigint) as total_units,
        cast(month_units as bigint) as month_units,
        cast(
            {{ whole_quotient('sum(step_parts) + 500000', '1000000') }}
            as decimal(26, 0)
        ) as total_parts
    from climbed
    group by {{ volume | join(', ') }}, total_units, month_units

)

select * from final
