{#- The one division of the project: a quotient cut off after 12 decimals, null when the denominator is
    0 or null. It stays in whole numbers, since both engines round or float a plain division their own
    way. Publish numerator and denominator beside it: a reader divides sums, never averages ratios. -#}
{% macro safe_ratio(numerator, denominator) -%}
    cast(
        cast({{ whole_quotient(
            "cast(cast(" ~ numerator ~ " as decimal(38, 12)) * 1000000000000 as decimal(38, 0)) * 1000000000000",
            "cast(cast(" ~ denominator ~ " as decimal(38, 12)) * 1000000000000 as decimal(38, 0))"
        ) }} as decimal(26, 0)) * cast(0.000000000001 as decimal(12, 12)) as numeric(38, 12)
    )
{%- endmacro %}
