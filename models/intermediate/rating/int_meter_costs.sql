with

attempts as (
    select
        attempt_id,
        segment_id,
        other_meters
    from {{ ref('int_attempts_carded') }}
    where
        other_meters is not null
        -- An older version of a record has the same id as the one that replaced it.
        and not coalesce(is_superseded, false)
),

card_rows as (
    select * from {{ ref('int_price_card_rows') }}
    where known_until_month = cast('9999-12-01' as date)
),

meters as (
    {{ json_numbers('attempts', 'attempt_id', 'other_meters') }}
),

prices as (

    select
        segment_id,
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
    group by segment_id, token_class

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
            attempts.segment_id = prices.segment_id
            and meters.meter = prices.token_class

),

-- A sum with a missing price is unknown, not smaller; an empty list of meters costs
-- nothing.
final as (

    select
        {%- for purpose in ['list', 'contracted', 'nearest'] %}
        case
            when count(priced.meter) = count(priced.{{ purpose }}_cost_usd)
                then cast(
                    coalesce(sum(priced.{{ purpose }}_cost_usd), 0) as decimal(38, 12)
                )
        end as {{ purpose }}_meter_cost_usd,
        {%- endfor %}
        attempts.attempt_id
    from attempts
    left join priced
        on attempts.attempt_id = priced.attempt_id
    group by attempts.attempt_id

)

select * from final
