with

card_rows as (
    select * from {{ ref('int_price_card_rows') }}
),

final as (

    select
        price_id,
        price_purpose,
        token_class,
        cast(volume_from_units as bigint) as volume_from_units,
        cast(volume_until_units as bigint) as volume_until_units,
        price_row_id,
        provider_id,
        model_id,
        pricing_mode,
        billing_account_id,
        region_id,
        valid_from_at,
        valid_until_at,
        cast(context_from_tokens as bigint) as context_from_tokens,
        cast(context_until_tokens as bigint) as context_until_tokens,
        cast(unit_price as numeric(18, 6)) as unit_price,
        cast(unit_quantity as bigint) as unit_quantity,
        currency,
        cast(unit_price_usd as numeric(24, 12)) as unit_price_usd,
        is_graduated
    from card_rows

)

select * from final
