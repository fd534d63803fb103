{{ config(materialized='table') }}

with

bill_lines as (
    select * from {{ ref('int_focus_bill_lines') }}
    where line_kind = 'metered'
),

metered_charges as (
    select
        *,
        case
            when token_class in (
                {%- for token_class in priced_token_classes() %}
                '{{ token_class }}'{{ ',' if not loop.last }}
                {%- endfor %}
            ) then token_class
            else 'other_meters'
        end as billed_class
    from {{ ref('int_focus_metered_charges') }}
    where bill_id not like 'estimated:%'
),

both_sides as (

    select
        bill_id,
        billing_account_id,
        usage_month as billing_month,
        model_id,
        pricing_mode,
        billed_class as token_class,
        payable_cost as amount
    from bill_lines
    union all
    select
        bill_id,
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode,
        billed_class as token_class,
        -billed_cost as amount
    from metered_charges

),

final as (

    select
        bill_id,
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode,
        token_class,
        cast(sum(amount) as numeric(38, 12)) as difference
    from both_sides
    group by
        bill_id,
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode,
        token_class
    having sum(amount) <> 0

)

select * from final
