{{ config(materialized='table') }}

{%- set volume -%}
shares.step_id, shares.billing_account_id, shares.utc_month, shares.token_class, shares.ladder
{%- endset %}

with

usage as (
    select * from {{ ref('int_graduated_usage_daily') }}
),

value_steps as (
    select * from {{ ref('int_value_steps') }}
),

volumes as (
    select * from {{ ref('int_graduated_volumes_stepped') }}
),

ladders as (
    select distinct
        segment_id,
        token_class,
        known_from_month,
        known_until_month,
        ladder
    from {{ ref('int_graduated_ladders') }}
),

by_class as (

    {% for token_class in priced_token_classes() -%}
    select
        usage_id,
        billing_account_id,
        utc_month,
        billing_month,
        known_month,
        segment_id,
        '{{ token_class }}' as token_class,
        {{ token_class }}_tokens as units
    from usage
    where {{ token_class }}_tokens > 0
    {% if not loop.last %}union all
    {% endif -%}
    {%- endfor %}

),

-- Each row's share of the volume that its step knows, and the share of its month of
-- the ledger; rounded down as in int_graduated_costs.
shares as (

    select
        volumes.step_id,
        by_class.*,
        volumes.ladder,
        {{ whole_quotient(
            'volumes.total_parts * volumes.month_units', 'volumes.total_units'
        ) }} as month_parts,
        {{ whole_quotient(
            'volumes.total_parts * by_class.units', 'volumes.total_units'
        ) }} as share_parts
    from volumes
    inner join value_steps
        on volumes.step_id = value_steps.step_id
    inner join by_class
        on
            volumes.billing_account_id = by_class.billing_account_id
            and volumes.utc_month = by_class.utc_month
            and volumes.token_class = by_class.token_class
            and value_steps.usage_month = by_class.billing_month
            and value_steps.usage_known_month >= by_class.known_month
    inner join ladders
        on
            by_class.segment_id = ladders.segment_id
            and by_class.token_class = ladders.token_class
            and volumes.ladder = ladders.ladder
            and value_steps.prices_known_month >= ladders.known_from_month
            and value_steps.prices_known_month < ladders.known_until_month

),

-- What is left goes to the row with the most units: the month adds up exactly.
completed as (

    select
        shares.step_id,
        shares.usage_id,
        shares.token_class,
        cast(
            shares.share_parts + case
                when
                    row_number() over (
                        partition by {{ volume }}
                        order by shares.units desc, shares.usage_id asc
                    ) = 1
                    then
                        shares.month_parts - sum(shares.share_parts) over (
                            partition by {{ volume }}
                        )
                else 0
            end as decimal(26, 0)
        ) * cast(0.000000000001 as decimal(12, 12)) as cost_usd
    from shares

),

final as (

    select
        step_id,
        {%- for token_class in priced_token_classes() %}
        cast(
            sum(case when token_class = '{{ token_class }}' then cost_usd else 0 end)
            as decimal(38, 12)
        ) as {{ token_class }}_graduated_usd,
        {%- endfor %}
        usage_id
    from completed
    group by step_id, usage_id

)

select * from final
