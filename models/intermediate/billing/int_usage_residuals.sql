{{ config(materialized='table') }}

{%- set key = [
    'step_id', 'billing_account_id', 'billing_month', 'model_id', 'price_mode',
    'token_class', 'bucket_date',
] -%}

with

billed as (
    select * from {{ ref('int_billed_classes') }}
),

rated as (
    select * from {{ ref('int_rated_buckets') }}
    where is_billed
),

silent_buckets as (
    select * from {{ ref('int_silent_buckets') }}
),

joined as (

    select
        {%- for column in key %}
        coalesce(billed.{{ column }}, rated.{{ column }}) as {{ column }},
        {%- endfor %}
        billed.billed_units,
        coalesce(billed.billed_usd, 0) as billed_usd,
        coalesce(billed.invoice_lines, 0) as invoice_lines,
        coalesce(billed.whole_cent_lines, 0) as whole_cent_lines,
        billed.step_id is not null as is_on_the_bill,
        rated.rated_units,
        coalesce(rated.rated_usd, 0) as rated_usd,
        coalesce(rated.rated_at_booked_rate_usd, 0) as rated_at_booked_rate_usd
    from billed
    full outer join rated
        on
        {%- for column in key %}
            {{ 'and ' if not loop.first }}billed.{{ column }} = rated.{{ column }}
        {%- endfor %}

),

-- What the bill counts beyond the telemetry, at the card's price. A bill without
-- quantities cannot tell quantity from price: all is quantity.
measured as (

    select
        joined.*,
        silent_buckets.step_id is not null as has_silent_hour,
        cast(
            case
                when
                    not joined.is_on_the_bill
                    or joined.billed_units is null
                    or coalesce(joined.rated_units, 0) = 0
                    then joined.billed_usd - joined.rated_at_booked_rate_usd
                else {{ scaled_usd(
                    'joined.rated_at_booked_rate_usd',
                    '(joined.billed_units - joined.rated_units)',
                    'joined.rated_units',
                ) }}
            end as decimal(38, 12)
        ) as quantity_usd
    from joined
    left join silent_buckets
        on
            joined.step_id = silent_buckets.step_id
            and joined.billing_account_id = silent_buckets.billing_account_id
            and joined.billing_month = silent_buckets.billing_month
            and joined.bucket_date = silent_buckets.bucket_date

),

final as (

    select
        {%- for column in key %}
        {{ column }},
        {%- endfor %}
        cast(billed_units as decimal(38, 0)) as billed_units,
        cast(rated_units as decimal(38, 0)) as rated_units,
        cast(billed_usd as decimal(38, 12)) as billed_usd,
        cast(rated_usd as decimal(38, 12)) as rated_usd,
        cast(rated_at_booked_rate_usd as decimal(38, 12)) as rated_at_booked_rate_usd,
        cast(
            case when has_silent_hour and quantity_usd > 0 then quantity_usd else 0 end
            as decimal(38, 12)
        ) as missing_telemetry_usd,
        cast(
            case when has_silent_hour and quantity_usd > 0 then 0 else quantity_usd end
            as decimal(38, 12)
        ) as unexplained_usd,
        cast(
            billed_usd - rated_at_booked_rate_usd - quantity_usd as decimal(38, 12)
        ) as price_usd,
        cast(rated_at_booked_rate_usd - rated_usd as decimal(38, 12)) as fx_usd,
        cast(invoice_lines as bigint) as invoice_lines,
        cast(whole_cent_lines as bigint) as whole_cent_lines,
        is_on_the_bill
    from measured

)

select * from final
