{#- Weighted tokens of a call: what it draws from committed capacity. Input of every kind weighs 1,
    output and cache reads what the commitment says. Both arguments are relations of the query. -#}
{% macro weighted_tokens(attempts, commitments) -%}
    cast(
        cast(
            {{ attempts }}.input_uncached_tokens + {{ attempts }}.cache_write_5m_tokens
            + coalesce({{ attempts }}.cache_write_1h_tokens, 0)
            + {{ attempts }}.input_audio_tokens + {{ attempts }}.input_image_tokens as decimal(20, 0)
        )
        + cast({{ attempts }}.output_tokens + {{ attempts }}.output_audio_tokens as decimal(20, 0))
        * {{ commitments }}.output_weight
        + cast({{ attempts }}.cache_read_tokens as decimal(20, 0)) * {{ commitments }}.cache_read_weight
        as numeric(38, 6)
    )
{%- endmacro %}

{#- USD of a part of something that has a price: cost x part / whole, rounded down to 12 decimals without
    leaving whole numbers. Part and whole have at most 6 decimals. Null when the whole is 0. -#}
{% macro prorated_usd(cost, part, whole) -%}
    cast(
        cast({{ whole_quotient(
            "cast(" ~ cost ~ " * 1000000000000 as decimal(38, 0)) * cast(" ~ part ~ " * 1000000 as decimal(38, 0))",
            "cast(" ~ whole ~ " * 1000000 as decimal(38, 0))"
        ) }} as decimal(26, 0)) * cast(0.000000000001 as decimal(12, 12)) as numeric(38, 12)
    )
{%- endmacro %}
