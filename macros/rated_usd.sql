{#- Tokens x price per million, summed over the disjoint token classes of one attempt. Null as soon as one
    class with tokens has no price: a price never falls back to 0. `prices` names a set of columns of
    int_price_cards: list, contracted or nearest. -#}
{% macro rated_usd_millions(prices) -%}
    cast(
        {%- for token_class in priced_token_classes() %}
        {{ '+ ' if not loop.first }}case
            when {{ token_class }}_tokens > 0
                then cast({{ token_class }}_tokens as decimal(20, 0)) * {{ prices }}_{{ token_class }}_usd_per_million
            else cast(0 as decimal(38, 12))
        end
        {%- endfor %} as decimal(38, 12)
    )
{%- endmacro %}

{#- A millionth of a column of decimal(38, 12), rounded half up at 12 decimals. Amounts below a dollar fit
    in 64 bits: DuckDB divides them more than twenty times faster than those of 128 bits. -#}
{% macro millionth(amount) -%}
    case
        when {{ amount }} < 1000000
            then cast(
                cast(cast({{ amount }} as decimal(18, 12)) as decimal(18, 6))
                * cast(0.000001 as decimal(6, 6)) as decimal(38, 12)
            )
        else cast(
            cast({{ amount }} as decimal(38, 6)) * cast(0.000001 as decimal(6, 6)) as decimal(38, 12)
        )
    end
{%- endmacro %}

{#- The token classes of the canonical request that have a price of their own. -#}
{% macro priced_token_classes() -%}
    {{ return([
        'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output',
        'input_audio', 'output_audio', 'input_image',
    ]) }}
{%- endmacro %}
