{{ config(materialized='table') }}

{%- set key = [
    'billing_account_id', 'billing_month', 'model_id', 'pricing_mode', 'token_class',
] -%}

with

differences as (
    select * from {{ ref('int_focus_bill_differences') }}
),

main_bills as (
    select * from {{ ref('int_focus_main_bills') }}
),

months as (
    select * from {{ ref('int_focus_months') }}
),

classified as (
    select
        residuals.*,
        sum(residuals.rated_at_booked_rate_usd) over (
            partition by
                residuals.step_id,
                residuals.billing_account_id,
                residuals.billing_month,
                residuals.model_id,
                residuals.price_mode
        ) = 0 as has_no_telemetry
    from {{ ref('int_residuals_classified') }} as residuals
    inner join {{ ref('int_value_steps') }} as steps
        on residuals.step_id = steps.step_id
    where steps.is_newest
),

-- The classes are those of the reconciliation, in billing currency. They describe the
-- main bill; another bill that names the same usage is beyond the telemetry as a whole.
in_currency as (

    select
        differences.*,
        coalesce(classified.is_above_tolerance, true) as is_above_tolerance,
        coalesce(classified.has_no_telemetry, true) as has_no_telemetry,
        coalesce(
            main_bills.bill_id is null or differences.bill_id = main_bills.bill_id, true
        ) as is_main_bill,
        {%- for residual_class in ['missing_telemetry', 'price', 'rounding'] %}
        coalesce(
            {{ in_billing_currency(
                'classified.' ~ residual_class ~ '_usd', 'months.usd_rate'
            ) }}, 0
        ) as {{ residual_class }},
        {%- endfor %}
        coalesce(classified.unexplained_usd, 0) <> 0 as has_unexplained
    from differences
    inner join months
        on
            differences.billing_account_id = months.billing_account_id
            and differences.billing_month = months.billing_month
    left join main_bills
        on
            differences.billing_account_id = main_bills.billing_account_id
            and differences.billing_month = main_bills.billing_month
            and differences.model_id = main_bills.model_id
            and differences.pricing_mode = main_bills.pricing_mode
    left join classified
        on
            {%- for column in key[:3] + ['token_class'] %}
            differences.{{ column }} = classified.{{ column }} and
            {%- endfor %}
            differences.pricing_mode = classified.price_mode

),

-- What the classes leave is quantity that nothing explains; where there is none of it,
-- the last decimals of a conversion or of a volume price.
balanced as (

    select
        *,
        case
            when is_main_bill then difference - missing_telemetry - price - rounding
            else difference
        end as balance
    from in_currency

),

by_class as (

    {% for residual_class in ['missing_telemetry', 'price', 'rounding'] -%}
    select
        *,
        '{{ residual_class }}' as residual_class,
        {{ residual_class }} as amount
    from balanced
    where is_main_bill
    union all
    {% endfor -%}
    select
        *,
        case
            when not is_main_bill or has_unexplained or abs(balance) > 0.01
                then 'unexplained_quantity'
            else 'rounding'
        end as residual_class,
        balance as amount
    from balanced

),

final as (

    select
        bill_id,
        {{ key | join(',\n        ') }},
        residual_class,
        case
            when residual_class = 'missing_telemetry' then 'UNALLOCATED'
            when has_no_telemetry then 'UNATTRIBUTED'
            when is_above_tolerance then 'UNALLOCATED'
        end as kept_by,
        cast(sum(amount) as numeric(38, 12)) as amount
    from by_class
    group by
        bill_id,
        {{ key | join(',\n        ') }},
        residual_class,
        has_no_telemetry,
        is_above_tolerance
    having sum(amount) <> 0

)

select * from final
