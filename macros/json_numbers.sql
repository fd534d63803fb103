{#- One row per key of a flat JSON object of numbers: the id, the key and the number. -#}
{% macro json_numbers(relation, id, column) -%}
    {{ return(adapter.dispatch('json_numbers', 'ai_finops')(relation, id, column)) }}
{%- endmacro %}

{% macro default__json_numbers(relation, id, column) -%}
    {{ exceptions.raise_compiler_error('json_numbers has no implementation for this adapter') }}
{%- endmacro %}

{% macro duckdb__json_numbers(relation, id, column) -%}
    select
        {{ relation }}.{{ id }},
        items.key as meter,
        try_cast(items.value ->> '$' as decimal(20, 6)) as units
    from {{ relation }}, json_each({{ relation }}.{{ column }}) as items
{%- endmacro %}

{#- Written from Snowflake's documentation; built against a local emulator only. -#}
{% macro snowflake__json_numbers(relation, id, column) -%}
    select
        {{ relation }}.{{ id }},
        items.key as meter,
        try_to_decimal(to_varchar(items.value), 20, 6) as units
    from {{ relation }}, lateral flatten(input => parse_json({{ relation }}.{{ column }})) as items
{%- endmacro %}
