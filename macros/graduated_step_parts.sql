{#- What a month's volume costs on one step of a graduated price, in whole parts of 10^-18 USD: a sum of such
    products is rounded once, at its end. The volume reaches the step. -#}
{% macro graduated_step_parts(units, steps) -%}
    cast(
        least({{ units }}, coalesce({{ steps }}.volume_until_units, {{ units }})) - {{ steps }}.volume_from_units
        as decimal(20, 0)
    )
    * cast({{ steps }}.unit_price_usd * 1000000000000 as decimal(18, 0))
    * case when {{ steps }}.unit_quantity = 1000 then 1000 else 1 end
{%- endmacro %}
