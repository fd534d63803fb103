{#-
  Fails for each pair of price rows of one key that were recorded at the same moment and
  whose validity, context band and volume band all overlap: rating could not tell which
  one holds. A row recorded later is a correction and may overlap. Windows and bands are
  half-open, NULL is open.
-#}
{% test no_overlapping_prices(model) %}
with prices as (
    select
        price_id,
        provider_id,
        model_id,
        billing_account_id,
        region_id,
        pricing_mode,
        token_class,
        valid_from_at,
        valid_until_at,
        recorded_at,
        coalesce(context_from_tokens, 0) as context_from,
        coalesce(context_until_tokens, 999999999999999999) as context_until,
        coalesce(volume_from_units, 0) as volume_from,
        coalesce(volume_until_units, 999999999999999999) as volume_until
    from {{ model }}
)

select
    earlier.price_id,
    later.price_id as overlapping_price_id
from prices as earlier
inner join prices as later
    on
        earlier.provider_id = later.provider_id
        and earlier.model_id = later.model_id
        and earlier.billing_account_id = later.billing_account_id
        and earlier.region_id = later.region_id
        and earlier.pricing_mode = later.pricing_mode
        and earlier.token_class = later.token_class
        and earlier.recorded_at = later.recorded_at
        and earlier.price_id < later.price_id
where
    earlier.valid_from_at < later.valid_until_at
    and later.valid_from_at < earlier.valid_until_at
    and earlier.context_from < later.context_until
    and later.context_from < earlier.context_until
    and earlier.volume_from < later.volume_until
    and later.volume_from < earlier.volume_until
{% endtest %}
