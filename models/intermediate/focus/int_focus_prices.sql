{{ config(materialized='table') }}

with

card_rows as (
    select
        *,
        case unit_quantity
            when 1 then cast(1 as decimal(10, 9))
            when 1000 then cast(0.001 as decimal(10, 9))
            when 1000000 then cast(0.000001 as decimal(10, 9))
            when 1000000000 then cast(0.000000001 as decimal(10, 9))
        end as part_of_quantity
    from {{ ref('int_price_card_rows') }}
    where
        known_until_month = cast('9999-12-01' as date)
        and price_purpose in ('list', 'contracted')
    -- Segments of one card have the same prices.
    qualify row_number() over (
        partition by price_id, price_purpose, token_class, volume_from_units
        order by segment_id
    ) = 1
),

-- Of one unit, so that a price per million tokens becomes one per token.
unit_prices as (

    select
        price_id,
        price_purpose,
        token_class,
        price_row_id,
        is_graduated,
        volume_from_units,
        volume_until_units,
        currency,
        cast(unit_price * part_of_quantity as numeric(38, 12)) as price,
        cast(
            cast(unit_price_usd as decimal(24, 12)) * part_of_quantity
            as numeric(38, 12)
        ) as price_usd
    from card_rows

),

contracted as (
    select * from unit_prices
    where price_purpose = 'contracted'
),

listed as (
    select * from unit_prices
    where price_purpose = 'list'
),

-- A step of volume is a price of its own; the list's step is the one that holds there.
final as (

    select
        contracted.price_id,
        contracted.token_class,
        contracted.price_row_id,
        contracted.is_graduated,
        contracted.volume_from_units,
        contracted.volume_until_units,
        min(contracted.price_row_id) over (
            partition by contracted.price_id, contracted.token_class
        ) as ladder_id,
        contracted.currency as contracted_currency,
        contracted.price as contracted_price,
        contracted.price_usd as contracted_price_usd,
        listed.currency as list_currency,
        listed.price as list_price,
        listed.price_usd as list_price_usd
    from contracted
    left join listed
        on
            contracted.price_id = listed.price_id
            and contracted.token_class = listed.token_class
            and contracted.volume_from_units >= listed.volume_from_units
            and (
                listed.volume_until_units is null
                or contracted.volume_from_units < listed.volume_until_units
            )

)

select * from final
