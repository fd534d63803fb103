{#-
  Fails for each price that is more than five times its predecessor, or less than a
  fifth of it, unless `source` says `approved_jump`: a price per thousand loaded as a
  price per million looks like that. The predecessor is the row before it of the same
  key and bands, in the order in which they take effect and were recorded. Prices are
  compared per single unit by cross-multiplying, so no division can round. A step from
  or to a price of 0 counts as a jump.
-#}
{% test price_jumps_are_approved(model) %}
with prices as (
    select
        price_id,
        source,
        cast(unit_price as decimal(18, 6)) as unit_price,
        cast(unit_quantity as decimal(10, 0)) as unit_quantity,
        lag(cast(unit_price as decimal(18, 6))) over (
            partition by
                provider_id,
                model_id,
                billing_account_id,
                region_id,
                pricing_mode,
                token_class,
                currency,
                context_from_tokens,
                volume_from_units
            order by valid_from_at, recorded_at, price_id
        ) as previous_price,
        lag(cast(unit_quantity as decimal(10, 0))) over (
            partition by
                provider_id,
                model_id,
                billing_account_id,
                region_id,
                pricing_mode,
                token_class,
                currency,
                context_from_tokens,
                volume_from_units
            order by valid_from_at, recorded_at, price_id
        ) as previous_quantity
    from {{ model }}
)

select
    price_id,
    unit_price,
    unit_quantity,
    previous_price,
    previous_quantity
from prices
where
    (
        unit_price * previous_quantity
        > cast(5 as decimal(1, 0)) * previous_price * unit_quantity
        or previous_price * unit_quantity
        > cast(5 as decimal(1, 0)) * unit_price * previous_quantity
    )
    and source not like '%approved!_jump%' escape '!'
{% endtest %}
