{{ config(materialized='table') }}

with

card_rows as (
    select * from {{ ref('int_price_card_rows') }}
    where is_graduated and price_purpose = 'contracted'
),

-- Windows of prices with the same steps climb one volume: equal texts, one ladder.
ladders as (

    select
        segment_id,
        token_class,
        known_from_month,
        {{ dbt.listagg(
            measure="price_row_id || '|' || cast(unit_price_usd as varchar)",
            delimiter_text="','",
            order_by_clause="order by price_row_id"
        ) }} as ladder
    from card_rows
    group by segment_id, token_class, known_from_month

),

final as (

    select
        card_rows.segment_id,
        card_rows.token_class,
        card_rows.known_from_month,
        card_rows.known_until_month,
        ladders.ladder,
        card_rows.volume_from_units,
        card_rows.volume_until_units,
        card_rows.unit_price_usd,
        card_rows.unit_quantity
    from card_rows
    inner join ladders
        on
            card_rows.segment_id = ladders.segment_id
            and card_rows.token_class = ladders.token_class
            and card_rows.known_from_month = ladders.known_from_month

)

select * from final
