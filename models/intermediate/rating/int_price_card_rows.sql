{{ config(materialized='table') }}

with

winners as (
    select * from {{ ref('int_price_winners') }}
),

-- What a segment's prices are, in one text: where a correction cuts a segment in two,
-- the half that it does not touch keeps its text.
segment_contents as (

    select
        segment_id,
        known_from_month,
        {{ dbt.listagg(
            measure="price_purpose || '|' || token_class || '|' || price_row_id || '|'"
            ~ " || cast(unit_price_usd as varchar)",
            delimiter_text="','",
            order_by_clause="order by price_purpose, token_class, price_row_id"
        ) }} as content
    from winners
    where price_purpose in ('contracted', 'list')
    group by segment_id, known_from_month

),

-- A price card is a set of prices for an account and a region, however often it was
-- in force.
final as (

    select
        winners.segment_id,
        {{ dbt.hash(
            "winners.provider_id || '|' || winners.model_id"
            ~ " || '|' || winners.pricing_mode"
            ~ " || '|' || winners.billing_account_id || '|' || winners.region_id"
            ~ " || '|' || coalesce(segment_contents.content, '')"
        ) }} as price_id,
        winners.price_purpose,
        winners.token_class,
        coalesce(winners.volume_from_units, 0) as volume_from_units,
        winners.volume_until_units,
        winners.price_row_id,
        winners.provider_id,
        winners.model_id,
        winners.pricing_mode,
        winners.billing_account_id,
        winners.region_id,
        winners.starts_at as valid_from_at,
        winners.ends_at as valid_until_at,
        winners.from_tokens as context_from_tokens,
        winners.until_tokens as context_until_tokens,
        winners.unit_price,
        winners.unit_quantity,
        winners.currency,
        winners.unit_price_usd,
        winners.is_graduated,
        winners.known_from_month,
        winners.known_until_month
    from winners
    left join segment_contents
        on
            winners.segment_id = segment_contents.segment_id
            and winners.known_from_month = segment_contents.known_from_month

)

select * from final
