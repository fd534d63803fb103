with

attempts as (
    select
        attempt_id,
        price_id,
        other_meters
    from {{ ref('int_attempts_carded') }}
    where other_meters is not null
),

card_rows as (
    select * from {{ ref('int_price_card_rows') }}
),

meters as (
    {{ json_numbers('attempts', 'attempt_id', 'other_meters') }}
),

prices as (

    select
        price_id,
        token_class,
        max(case when price_purpose = 'list' then unit_price_usd end)
            as list_unit_price_usd,
        max(case when price_purpose = 'contracted' then unit_price_usd end)
            as contracted_unit_price_usd,
        max(case when price_purpose = 'nearest' then unit_price_usd end)
            as nearest_unit_price_usd,
        max(case when price_purpose = 'list' then unit_quantity end)
            as list_unit_quantity,
        max(case when price_purpose = 'contracted' then unit_quantity end)
            as contracted_unit_quantity,
        max(case when price_purpose = 'nearest' then unit_quantity end)
            as nearest_unit_quantity
    from card_rows
    -- No volume is kept for meters: one that is priced by it stays without a price.
    where not is_graduated
    group by price_id, token_class

),

priced as (

    select
        meters.attempt_id,
        meters.meter,
        {%- for purpose in ['list', 'contracted', 'nearest'] %}
        case when meters.units = 0 then cast(0 as decimal(38, 12)) else cast(
            cast(
                cast(meters.units as decimal(18, 6))
                * cast(prices.{{ purpose }}_unit_price_usd as decimal(18, 12))
                as decimal(38, 12)
            )
            * case prices.{{ purpose }}_unit_quantity
                when 1 then cast(1 as decimal(10, 9))
                when 1000 then cast(0.001 as decimal(10, 9))
                when 1000000 then cast(0.000001 as decimal(10, 9))
                when 1000000000 then cast(0.000000001 as decimal(10, 9))
            end as decimal(38, 12)
        ) end as {{ purpose }}_cost_usd,
        {%- endfor %}
        meters.units
    from meters
    inner join attempts
        on meters.attempt_id = attempts.attempt_id
    left join prices
        on
            attempts.price_id = prices.price_id
            and meters.meter = prices.token_class

),

-- A sum with a missing price is unknown, not smaller.
final as (

    select
        attempt_id,
        case
            when count(*) = count(list_cost_usd)
                then cast(sum(list_cost_usd) as decimal(38, 12))
        end as list_meter_cost_usd,
        case
            when count(*) = count(contracted_cost_usd)
                then cast(sum(contracted_cost_usd) as decimal(38, 12))
        end as contracted_meter_cost_usd,
        case
            when count(*) = count(nearest_cost_usd)
                then cast(sum(nearest_cost_usd) as decimal(38, 12))
        end as nearest_meter_cost_usd
    from priced
    group by attempt_id

)

select * from final
