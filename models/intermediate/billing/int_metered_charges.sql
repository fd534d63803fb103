{{ config(materialized='table') }}

{%- set key = [
    'step_id', 'billing_account_id', 'billing_month', 'model_id', 'price_mode',
] -%}

with

residuals as (
    select * from {{ ref('int_residuals_classified') }}
),

rated_buckets as (
    select * from {{ ref('int_rated_buckets') }}
    where not is_billed
),

metered_lines as (
    select * from {{ ref('int_invoice_lines_stepped') }}
    where line_kind = 'metered'
),

billed_keys as (

    select
        {%- for column in key[:4] %}
        {{ column }},
        {%- endfor %}
        pricing_mode as price_mode,
        bill_id,
        sum(billed_cost_usd) as billed_usd
    from metered_lines
    group by
        {%- for column in key[:4] %}
        {{ column }},
        {%- endfor %}
        pricing_mode,
        bill_id

),

-- Two bills can name the same usage. The larger one is compared with the telemetry, the
-- other one comes on top of it.
ranked_bills as (

    select
        billed_keys.*,
        row_number() over (
            partition by {{ key | join(', ') }}
            order by billed_keys.billed_usd desc, billed_keys.bill_id asc
        ) as bill_rank,
        sum(billed_keys.billed_usd) over (
            partition by {{ key | join(', ') }}
        ) as all_billed_usd
    from billed_keys

),

-- A model that the telemetry knows and no line names: the account's largest bill leaves
-- it out.
account_bills as (

    select
        step_id,
        billing_account_id,
        billing_month,
        bill_id
    from billed_keys
    group by step_id, billing_account_id, billing_month, bill_id
    qualify row_number() over (
        partition by step_id, billing_account_id, billing_month
        order by sum(billed_usd) desc, bill_id asc
    ) = 1

),

key_totals as (

    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        sum(rated_at_booked_rate_usd) as direct_usd,
        sum(true_up_usd) as true_up_usd,
        sum(missing_telemetry_usd + unallocated_usd) as unallocated_usd,
        sum(unattributed_usd) as unattributed_usd
    from residuals
    group by {{ key | join(', ') }}

),

main_bills as (

    select
        key_totals.*,
        coalesce(ranked_bills.bill_id, account_bills.bill_id) as bill_id,
        coalesce(ranked_bills.all_billed_usd - ranked_bills.billed_usd, 0)
            as other_bills_usd
    from key_totals
    left join ranked_bills
        on
            {%- for column in key %}
            key_totals.{{ column }} = ranked_bills.{{ column }} and
            {%- endfor %}
            ranked_bills.bill_rank = 1
    left join account_bills
        on
        {%- for column in key[:3] %}
            {{ 'and ' if not loop.first }}key_totals.{{ column }}
            = account_bills.{{ column }}
        {%- endfor %}

),

charges as (

    {%- for line_type in ['direct', 'true_up', 'unallocated', 'unattributed'] %}
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        bill_id,
        '{{ line_type }}' as line_type,
        cast(
            {{ line_type }}_usd
            {{- ' - other_bills_usd' if line_type == 'direct' }} as decimal(38, 12)
        ) as amount_usd
    from main_bills
    union all
    {%- endfor %}
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        bill_id,
        'direct' as line_type,
        cast(billed_usd as decimal(38, 12)) as amount_usd
    from ranked_bills
    where bill_rank > 1
    union all
    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        'estimated:' || billing_account_id || ':'
        || substr(cast(billing_month as varchar), 1, 7) as bill_id,
        'direct' as line_type,
        cast(sum(rated_at_booked_rate_usd) as decimal(38, 12)) as amount_usd
    from rated_buckets
    group by {{ key | join(', ') }}

),

final as (
    select * from charges
    where amount_usd <> 0
)

select * from final
