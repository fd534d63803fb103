{{ config(materialized='table') }}

with

card_rows as (
    select * from {{ ref('int_price_card_rows') }}
    where price_purpose = 'contracted'
),

-- Steps that were recorded anew are another ladder, also at the same prices.
contents as (

    select
        segment_id,
        known_from_month,
        known_until_month,
        sum(cast({{ record_fingerprint([
            'token_class', 'volume_from_units', 'volume_until_units', 'unit_price_usd',
            'unit_quantity', 'case when is_graduated then price_row_id end',
        ]) }} as decimal(38, 0))) as content_sum
    from card_rows
    group by segment_id, known_from_month, known_until_month

),

-- Versions that say something else than what is known now.
outdated as (

    select
        contents.segment_id,
        contents.known_from_month,
        contents.known_until_month
    from contents
    left join contents as current_contents
        on
            contents.segment_id = current_contents.segment_id
            and current_contents.known_until_month = cast('9999-12-01' as date)
            and contents.content_sum = current_contents.content_sum
    where
        contents.known_until_month < cast('9999-12-01' as date)
        and current_contents.segment_id is null

),

-- Before its first price was known a segment had none.
first_known as (

    select
        segment_id,
        cast('1900-01-01' as date) as known_from_month,
        min(known_from_month) as known_until_month
    from card_rows
    group by segment_id
    having min(known_from_month) > cast('1900-01-01' as date)

),

superseded as (

    select
        card_rows.segment_id,
        card_rows.known_from_month,
        card_rows.known_until_month,
        card_rows.token_class,
        card_rows.is_graduated,
        card_rows.unit_price_usd,
        card_rows.unit_quantity
    from card_rows
    inner join outdated
        on
            card_rows.segment_id = outdated.segment_id
            and card_rows.known_from_month = outdated.known_from_month
    union all
    select
        segment_id,
        known_from_month,
        known_until_month,
        cast(null as varchar) as token_class,
        false as is_graduated,
        cast(null as decimal(18, 6)) as unit_price_usd,
        cast(null as bigint) as unit_quantity
    from first_known

),

-- A price that was unknown then is null. A graduated one is 0: its amount comes from
-- int_graduated_shares_stepped.
priced as (

    select
        segment_id,
        known_from_month,
        known_until_month,
        token_class,
        case
            when is_graduated then cast(0 as decimal(18, 12))
            when unit_quantity = 1000000 then cast(unit_price_usd as decimal(18, 12))
            when unit_quantity = 1000
                then cast(unit_price_usd * 1000 as decimal(18, 12))
            when unit_quantity = 1
                then cast(unit_price_usd * 1000000 as decimal(18, 12))
            when unit_quantity = 1000000000
                then cast(
                    unit_price_usd * cast(0.001 as decimal(4, 3)) as decimal(18, 12)
                )
        end as usd_per_million
    from superseded

),

final as (

    select
        segment_id,
        known_from_month,
        {%- for token_class in priced_token_classes() %}
        max(
            case when token_class = '{{ token_class }}' then usd_per_million end
        ) as {{ token_class }}_usd_per_million,
        {%- endfor %}
        -- The class of a first price that nobody knew yet is null: no meter.
        max(
            case
                when
                    token_class
                    not in (
                        {%- for token_class in priced_token_classes() %}
                        '{{ token_class }}'{{ ',' if not loop.last }}
                        {%- endfor %}
                    )
                    then 1
                else 0
            end
        ) = 1 as has_meter_prices,
        known_until_month
    from priced
    group by segment_id, known_from_month, known_until_month

)

select * from final
