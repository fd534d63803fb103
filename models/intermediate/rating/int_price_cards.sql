{{ config(materialized='table') }}

with

card_rows as (
    select * from {{ ref('int_price_card_rows') }}
    where known_until_month = cast('9999-12-01' as date)
),

-- A graduated class costs 0 here: its amount comes from int_graduated_costs, by month.
priced as (

    select
        card_rows.*,
        case
            -- A model that is priced by meters alone still has a card.
            when
                card_rows.token_class
                not in (
                    {%- for token_class in priced_token_classes() %}
                    '{{ token_class }}'{{ ',' if not loop.last }}
                    {%- endfor %}
                )
                then null
            when card_rows.is_graduated and card_rows.price_purpose <> 'nearest'
                then cast(0 as decimal(18, 12))
            -- An exposure is estimated at the first step.
            when card_rows.is_graduated and card_rows.volume_from_units > 0 then null
            when
                card_rows.unit_quantity = 1000000
                then cast(card_rows.unit_price_usd as decimal(18, 12))
            when
                card_rows.unit_quantity = 1000
                then cast(card_rows.unit_price_usd * 1000 as decimal(18, 12))
            when
                card_rows.unit_quantity = 1
                then cast(card_rows.unit_price_usd * 1000000 as decimal(18, 12))
            when card_rows.unit_quantity = 1000000000
                then cast(
                    card_rows.unit_price_usd
                    * cast(0.001 as decimal(4, 3)) as decimal(18, 12)
                )
        end as usd_per_million
    from card_rows

),

widened as (

    select
        segment_id,
        price_id,
        provider_id,
        model_id,
        pricing_mode,
        billing_account_id,
        region_id,
        valid_from_at,
        valid_until_at,
        context_from_tokens,
        context_until_tokens,
        {%- for purpose in ['list', 'contracted', 'nearest'] %}
        {%- for token_class in priced_token_classes() %}
        max(
            case
                when
                    price_purpose = '{{ purpose }}'
                    and token_class = '{{ token_class }}'
                    then usd_per_million
            end
        ) as {{ purpose }}_{{ token_class }}_usd_per_million,
        {%- endfor %}
        {%- endfor %}
        max(case when is_graduated then 1 else 0 end) = 1 as is_graduated
    from priced
    group by
        segment_id,
        price_id,
        provider_id,
        model_id,
        pricing_mode,
        billing_account_id,
        region_id,
        valid_from_at,
        valid_until_at,
        context_from_tokens,
        context_until_tokens

),

-- Where a contract changes nothing, both costs are one and computed once.
final as (

    select
        *,
        {%- for token_class in priced_token_classes() %}
        {{ 'and ' if not loop.first }}coalesce(
            contracted_{{ token_class }}_usd_per_million
            = list_{{ token_class }}_usd_per_million,
            contracted_{{ token_class }}_usd_per_million is null
            and list_{{ token_class }}_usd_per_million is null
        )
        {%- endfor %} as is_list_owed
    from widened

)

select * from final
