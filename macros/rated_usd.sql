{#- USD of one attempt: the sum over its disjoint token classes of tokens x price per million, exact to
    12 decimals. Null as soon as one class with tokens has no price: a price never falls back to 0.
    `prices` names a set of columns of int_price_cards: list, contracted or nearest. -#}
{% macro rated_usd(prices) -%}
    cast(
        (
            {%- for token_class in priced_token_classes() %}
            {{ '+ ' if not loop.first }}case
                when {{ token_class }}_tokens > 0
                    then cast({{ token_class }}_tokens as decimal(20, 0)) * {{ prices }}_{{ token_class }}_usd_per_million
                else cast(0 as decimal(38, 12))
            end
            {%- endfor %}
        ) * cast(0.000001 as decimal(6, 6)) as decimal(38, 12)
    )
{%- endmacro %}

{#- The token classes of the canonical request that have a price of their own. -#}
{% macro priced_token_classes() -%}
    {{ return([
        'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output',
        'input_audio', 'output_audio', 'input_image',
    ]) }}
{%- endmacro %}
