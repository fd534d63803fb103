{#- USD x whole number / whole number, cut to 12 decimals toward zero: one rule for every share of an amount.
    Null when the divisor is 0. -#}
{% macro scaled_usd(amount_usd, multiplier, divisor) -%}
    cast(
        cast({{ whole_quotient(
            'cast(' ~ amount_usd ~ ' * 1000000000000 as decimal(38, 0)) * cast(' ~ multiplier ~ ' as decimal(38, 0))',
            divisor,
        ) }} as decimal(26, 0)) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12)
    )
{%- endmacro %}
