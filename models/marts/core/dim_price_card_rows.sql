with

card_rows as (
    select * from {{ ref('int_price_card_rows') }}
    where
        price_purpose in ('contracted', 'list')
        and known_until_month = cast('9999-12-01' as date)
),

-- A card may have been in force more than once; its validity spans from the first to
-- the last time.
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
        min(valid_from_at) as valid_from_at,
        max(valid_until_at) as valid_until_at,
        cast(min(context_from_tokens) as bigint) as context_from_tokens,
        cast(max(context_until_tokens) as bigint) as context_until_tokens,
        cast(unit_price as numeric(18, 6)) as unit_price,
        cast(unit_quantity as bigint) as unit_quantity,
        currency,
        cast(unit_price_usd as numeric(24, 12)) as unit_price_usd,
        is_graduated
    from card_rows
    group by
        price_id,
        price_purpose,
        token_class,
        volume_from_units,
        volume_until_units,
        price_row_id,
        provider_id,
        model_id,
        pricing_mode,
        billing_account_id,
        region_id,
        unit_price,
        unit_quantity,
        currency,
        unit_price_usd,
        is_graduated

)

select * from final
