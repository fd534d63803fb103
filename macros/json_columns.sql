{#- Reads many values of a JSON text column with one parse. `fields` maps a column name to a path whose
    keys are joined by '/'. First make the document, then, in the next CTE, its columns (all text; null
    when absent). The document is null when the text is not JSON. -#}
{% macro json_document(column, fields) -%}
    {{ return(adapter.dispatch('json_document', 'ai_finops')(column, fields)) }}
{%- endmacro %}

{% macro default__json_document(column, fields) -%}
    {{ exceptions.raise_compiler_error('json_document has no implementation for this adapter') }}
{%- endmacro %}

{#- One extraction with many paths parses once; `try` turns malformed text into null (DuckDB 2.0). -#}
{% macro duckdb__json_document(column, fields) -%}
    try(json_extract_string({{ column }}, [
        {%- for path in fields.values() %}
            '$."{{ path | replace('/', '"."') }}"'{{ ',' if not loop.last }}
        {%- endfor %}
        ]))
{%- endmacro %}

{#- Written from Snowflake's documentation; built against a local emulator only. -#}
{% macro snowflake__json_document(column, fields) -%}
    try_parse_json({{ column }})
{%- endmacro %}

{% macro json_columns(document, fields) -%}
    {%- for name in fields %}
        {{ adapter.dispatch('json_value', 'ai_finops')(document, fields, name) }} as {{ name }}
        {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro default__json_value(document, fields, name) -%}
    {{ exceptions.raise_compiler_error('json_value has no implementation for this adapter') }}
{%- endmacro %}

{% macro duckdb__json_value(document, fields, name) -%}
    {{ document }}[{{ (fields.keys() | list).index(name) + 1 }}]
{%- endmacro %}

{% macro snowflake__json_value(document, fields, name) -%}
    cast(get_path({{ document }}, '["{{ fields[name] | replace('/', '"]["') }}"]') as varchar)
{%- endmacro %}
