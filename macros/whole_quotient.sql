{#- Quotient of two whole numbers, rounded down for positive ones, without leaving exact arithmetic. -#}
{% macro whole_quotient(dividend, divisor) -%}
    {{ return(adapter.dispatch('whole_quotient', 'ai_finops')(dividend, divisor)) }}
{%- endmacro %}

{% macro default__whole_quotient(dividend, divisor) -%}
    {{ exceptions.raise_compiler_error('whole_quotient has no implementation for this adapter') }}
{%- endmacro %}

{% macro duckdb__whole_quotient(dividend, divisor) -%}
    (cast({{ dividend }} as hugeint) // nullif(cast({{ divisor }} as hugeint), 0))
{%- endmacro %}

{#- The remainder is taken off first, so that the division has nothing to round. -#}
{% macro snowflake__whole_quotient(dividend, divisor) -%}
    (({{ dividend }} - mod({{ dividend }}, nullif({{ divisor }}, 0))) / nullif({{ divisor }}, 0))
{%- endmacro %}
