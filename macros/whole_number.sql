{#- A count written as text ('1,234', '1e3', '12.0') as a bigint; null when that would lose something. -#}
{% macro whole_number(text) -%}
    {{ return(adapter.dispatch('whole_number', 'ai_finops')(text)) }}
{%- endmacro %}

{% macro default__whole_number(text) -%}
    {{ exceptions.raise_compiler_error('whole_number has no implementation for this adapter') }}
{%- endmacro %}

{#- Checked on DuckDB 2.0: a direct try_cast to bigint would round '12.5' to 13. -#}
{% macro duckdb__whole_number(text) -%}
    {%- set number = "try_cast(replace(" ~ text ~ ", ',', '') as decimal(18, 3))" -%}
    case when {{ number }} = floor({{ number }}) then cast({{ number }} as bigint) end
{%- endmacro %}

{#- As on DuckDB, 15 digits before the point at most: a double would lose some and overflow the cast.
    Written from Snowflake's documentation; built against a local emulator only. -#}
{% macro snowflake__whole_number(text) -%}
    {%- set number = "try_to_decimal(replace(" ~ text ~ ", ',', ''), 18, 3)" -%}
    case when {{ number }} = floor({{ number }}) then cast({{ number }} as bigint) end
{%- endmacro %}

{#- A token count from a JSON field: absent is 0, unreadable is null. -#}
{% macro token_count(text) -%}
    case when {{ text }} is null then 0 else {{ whole_number(text) }} end
{%- endmacro %}
