{#- A raw value in its declared type; null where the text cannot be read without loss.
    Text timestamps with an offset become UTC; without one they are read as UTC. -#}
{% macro safe_cast_raw(column, actual_type, declared_type) -%}
    {{ return(adapter.dispatch('safe_cast_raw', 'ai_finops')(column, actual_type, declared_type)) }}
{%- endmacro %}

{% macro default__safe_cast_raw(column, actual_type, declared_type) -%}
    {{ exceptions.raise_compiler_error('safe_cast_raw has no implementation for this adapter') }}
{%- endmacro %}

{#- Checked on DuckDB 2.0: try_cast rounds '12.5' to a bigint and drops the offset of a text timestamp. -#}
{% macro duckdb__safe_cast_raw(column, actual_type, declared_type) -%}
    {%- set text = column ~ " ->> '$'" if actual_type == 'json' else column -%}
    {%- if declared_type == actual_type -%} {{ column }}
    {%- elif declared_type == 'bigint' and 'int' in actual_type -%} cast({{ column }} as bigint)
    {%- elif declared_type == 'bigint' -%} {{ whole_number('cast(' ~ text ~ ' as varchar)') }}
    {%- elif declared_type == 'timestamp' and actual_type == 'timestamp with time zone' -%}
        timezone('UTC', {{ column }})
    {%- elif declared_type == 'timestamp' and 'timestamp' not in actual_type -%}
        case
            when regexp_matches(cast({{ text }} as varchar), '(Z|[+-][0-9]{2}(:?[0-9]{2})?)$')
                and length(cast({{ text }} as varchar)) > 10
                then timezone('UTC', try_cast({{ text }} as timestamptz))
            else try_cast({{ text }} as timestamp)
        end
    {%- else -%} try_cast({{ text }} as {{ declared_type }})
    {%- endif -%}
{%- endmacro %}

{#- A plain cast of text stops the build on the first value that cannot be read, and one of a timestamp
    with an offset keeps its local time. Written from Snowflake's documentation; built against a local
    emulator only. -#}
{% macro snowflake__safe_cast_raw(column, actual_type, declared_type) -%}
    {%- set text = 'to_varchar(' ~ column ~ ')' -%}
    {%- set is_text = actual_type in ('text', 'variant') or 'char' in actual_type -%}
    {%- if 'char' in declared_type -%} {{ text }}
    {%- elif declared_type == 'bigint' and (is_text or actual_type == 'real') -%} {{ whole_number(text) }}
    {%- elif declared_type == 'timestamp' and is_text -%}
        case
            when regexp_like({{ text }}, '.{10}.*(Z|[+-][0-9]{2}(:?[0-9]{2})?)')
                then cast(convert_timezone('UTC', try_to_timestamp_tz({{ text }})) as timestamp_ntz)
            else try_to_timestamp_ntz({{ text }})
        end
    {%- elif declared_type == 'timestamp' and actual_type in ('timestamp_tz', 'timestamp_ltz') -%}
        cast(convert_timezone('UTC', {{ column }}) as timestamp_ntz)
    {%- elif is_text -%} try_cast({{ text }} as {{ declared_type }})
    {%- else -%} cast({{ column }} as {{ declared_type }})
    {%- endif -%}
{%- endmacro %}
