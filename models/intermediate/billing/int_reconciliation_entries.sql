{%- set key = ['billing_account_id', 'billing_month', 'model_id', 'token_class'] -%}

with

newest_steps as (
    select step_id
    from {{ ref('int_value_steps') }}
    where is_newest
),

residuals as (
    select residuals.*
    from {{ ref('int_residuals_classified') }} as residuals
    inner join newest_steps
        on residuals.step_id = newest_steps.step_id
),

rated as (
    select rated.*
    from {{ ref('int_rated_classes_daily') }} as rated
    inner join newest_steps
        on rated.step_id = newest_steps.step_id
),

bill_lines as (
    select bill_lines.*
    from {{ ref('int_invoice_lines_stepped') }} as bill_lines
    inner join newest_steps
        on bill_lines.step_id = newest_steps.step_id
),

capacity_charges as (
    select capacity_charges.*
    from {{ ref('int_capacity_charges_stepped') }} as capacity_charges
    inner join newest_steps
        on capacity_charges.step_id = newest_steps.step_id
    where capacity_charges.line_type <> 'prepaid'
),

bypassed as (
    select * from {{ ref('int_bypassed_usage') }}
),

-- Rated by the month of UTC, billed by the account's: they differ by timing.
rated_by_utc_month as (

    select
        billing_account_id,
        utc_month as billing_month,
        model_id,
        token_class,
        sum(units) as rated_units,
        sum(rated_usd) as rated_usd
    from rated
    group by billing_account_id, utc_month, model_id, token_class

),

compared as (

    select
        {{ key | join(',\n        ') }},
        sum(billed_units) as billed_units,
        sum(billed_usd) as invoiced_usd,
        sum(rated_usd) as timing_usd,
        sum(missing_telemetry_usd) as missing_telemetry_usd,
        sum(unexplained_usd) as unexplained_quantity_usd,
        sum(price_usd) as price_usd,
        sum(fx_usd) as fx_usd,
        sum(rounding_usd) as rounding_usd
    from residuals
    group by {{ key | join(', ') }}

),

other_lines as (

    select
        billing_account_id,
        billing_month,
        coalesce(model_id, 'UNKNOWN') as model_id,
        case
            when commitment_id is not null then 'CAPACITY'
            when line_kind = 'unmapped' then 'UNMAPPED'
            else coalesce(token_class, 'NONE')
        end as token_class,
        line_kind,
        sum(billed_cost_usd) as invoiced_usd
    from bill_lines
    where line_kind not in ('metered', 'bypass', 'covered')
    group by
        billing_account_id,
        billing_month,
        coalesce(model_id, 'UNKNOWN'),
        case
            when commitment_id is not null then 'CAPACITY'
            when line_kind = 'unmapped' then 'UNMAPPED'
            else coalesce(token_class, 'NONE')
        end,
        line_kind

),

capacity as (

    select
        billing_account_id,
        billing_month,
        coalesce(model_id, 'UNKNOWN') as model_id,
        'CAPACITY' as token_class,
        sum(amount_usd) as rated_usd
    from capacity_charges
    group by billing_account_id, billing_month, coalesce(model_id, 'UNKNOWN')

),



{#- What each part says: the entry's name, then its amount and units. -#}
{%- set entries = [
    ('rated_by_utc_month', 'rated', 'rated_usd', 'rated_units'),
    ('rated_by_utc_month', 'timing', '-rated_usd', 'null'),
    ('compared', 'invoiced', 'invoiced_usd', 'billed_units'),
    ('compared', 'timing', 'timing_usd', 'null'),
    ('compared', 'missing_telemetry', 'missing_telemetry_usd', 'null'),
    ('compared', 'unexplained_quantity', 'unexplained_quantity_usd', 'null'),
    ('compared', 'price', 'price_usd', 'null'),
    ('compared', 'fx', 'fx_usd', 'null'),
    ('compared', 'rounding', 'rounding_usd', 'null'),
    ('bypassed', 'invoiced', 'invoiced_usd', 'billed_units'),
    ('bypassed', 'bypass', 'bypass_usd', 'null'),
    ('bypassed', 'price', 'invoiced_usd - bypass_usd', 'null'),
    ('capacity', 'rated', 'rated_usd', 'null'),
    ('capacity', 'fixed_fee', '-rated_usd', 'null'),
    ('other_lines', 'invoiced', 'invoiced_usd', 'null'),
] %}

named as (

    {%- for part, entry, amount, units in entries %}
    select
        {{ key | join(',
        ') }},
        '{{ entry }}' as entry_name,
        cast({{ amount }} as decimal(38, 12)) as amount_usd,
        cast({{ units }} as decimal(38, 0)) as units
    from {{ part }}
    union all
    {%- endfor %}
    select
        {{ key | join(',
        ') }},
        case line_kind
            when 'credit' then 'credit'
            when 'tax' then 'tax'
            when 'unmapped' then 'unexplained_quantity'
            else 'fixed_fee'
        end as entry_name,
        cast(invoiced_usd as decimal(38, 12)) as amount_usd,
        cast(null as decimal(38, 0)) as units
    from other_lines

),

final as (

    select
        {{ key | join(',\n        ') }},
        entry_name,
        cast(sum(amount_usd) as decimal(38, 12)) as amount_usd,
        cast(sum(units) as decimal(38, 0)) as units
    from named
    group by
        {{ key | join(',\n        ') }},
        entry_name

)

select * from final
