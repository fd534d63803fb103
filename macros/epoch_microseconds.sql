{#- Microseconds from 2020-01-01 to a timestamp as a whole number: the portable way to hash or add up times. -#}
{% macro epoch_microseconds(timestamp) -%}
    {{ dbt.datediff("cast('2020-01-01' as timestamp)", timestamp, 'microsecond') }}
{%- endmacro %}
