{#- The rest of the first 'prefix:rest' element among the quoted texts of a JSON array; null when there
    is none. `prefix` is an SQL expression: a literal or a column. -#}
{% macro tag_value(tags, prefix) -%}
    {{ return(adapter.dispatch('tag_value', 'ai_finops')(tags, prefix)) }}
{%- endmacro %}

{% macro default__tag_value(tags, prefix) -%}
    {{ exceptions.raise_compiler_error('tag_value has no implementation for this adapter') }}
{%- endmacro %}

{#- The cheap `like` keeps the regular expression off rows without the tag. -#}
{% macro duckdb__tag_value(tags, prefix) -%}
    case
        when {{ tags }} like '%"' || {{ prefix }} || ':%'
            then nullif(regexp_extract({{ tags }}, '"' || {{ prefix }} || ':([^"]*)"', 1), '')
    end
{%- endmacro %}

{#- The literal text between '"prefix:' and the next quote: Snowflake's regular expressions and their
    escapes stay out of it. Written from its documentation; built against a local emulator only. -#}
{% macro snowflake__tag_value(tags, prefix) -%}
    nullif(split_part(split_part({{ tags }}, '"' || {{ prefix }} || ':', 2), '"', 1), '')
{%- endmacro %}
