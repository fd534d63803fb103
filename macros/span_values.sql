{#- What an OTLP span holds beyond plain columns. First: JSON text with the named keys alone, each as
    text, so that nothing else of the object is kept. Null when the text is not a JSON object. -#}
{% macro json_pick(column, keys) -%}
    {{ return(adapter.dispatch('json_pick', 'ai_finops')(column, keys)) }}
{%- endmacro %}

{% macro default__json_pick(column, keys) -%}
    {{ exceptions.raise_compiler_error('json_pick has no implementation for this adapter') }}
{%- endmacro %}

{#- `try` turns malformed text into null (DuckDB 2.0). A map of extracted values takes eight times as
    long as this structure of text fields. -#}
{% macro duckdb__json_pick(column, keys) -%}
    case
        when left(ltrim({{ column }}), 1) = '{'
            then cast(try(to_json(json_transform(
                {{ column }}, '{"{{ keys | join('": "VARCHAR", "') }}": "VARCHAR"}'
            ))) as varchar)
    end
{%- endmacro %}

{#- Written from Snowflake's documentation; built against a local emulator only. -#}
{% macro snowflake__json_pick(column, keys) -%}
    to_json(object_pick(as_object(try_parse_json({{ column }})), '{{ keys | join("', '") }}'))
{%- endmacro %}

{#- UTC timestamp, to the microsecond, of whole nanoseconds since 1970. -#}
{% macro nanoseconds_timestamp(nanoseconds) -%}
    {{ return(adapter.dispatch('nanoseconds_timestamp', 'ai_finops')(nanoseconds)) }}
{%- endmacro %}

{% macro default__nanoseconds_timestamp(nanoseconds) -%}
    {{ exceptions.raise_compiler_error('nanoseconds_timestamp has no implementation for this adapter') }}
{%- endmacro %}

{#- Interval arithmetic would overflow: DuckDB 2.0 multiplies intervals by 32-bit numbers only. -#}
{% macro duckdb__nanoseconds_timestamp(nanoseconds) -%}
    try(make_timestamp(cast({{ whole_quotient(nanoseconds, 1000) }} as bigint)))
{%- endmacro %}

{#- The cast takes off the decimals that Snowflake gives every quotient. Written from its
    documentation; built against a local emulator only. -#}
{% macro snowflake__nanoseconds_timestamp(nanoseconds) -%}
    to_timestamp_ntz(cast({{ whole_quotient(nanoseconds, 1000) }} as bigint), 6)
{%- endmacro %}
