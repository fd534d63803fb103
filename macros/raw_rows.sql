{#- Rows of a raw table with exactly the columns its source YAML declares, in the declared types.
    Columns that are not declared (prompt text, addresses) are never selected. A missing optional
    column is null, a missing optional table and a source that the var `sources` does not list are empty;
    anything else that is missing stops the build. -#}
{% macro raw_rows(source_name, table_name) -%}
    {%- set raw_table = source(source_name, table_name) -%}
    {%- do ai_finops.require_known_sources() -%}
    {%- if execute and source_name in var('sources') and ai_finops.raw_table_is_present(source_name, table_name) -%}
        {%- set actual = {} -%}
        {%- for column in adapter.get_column_schema_from_query(get_empty_subquery_sql('select * from ' ~ raw_table)) -%}
            {%- do actual.update({column.name | lower: column}) -%}
        {%- endfor -%}
        {%- do ai_finops.require_raw_columns(source_name, table_name, actual) -%}
        select
        {%- for column in ai_finops.raw_table_node(source_name, table_name).columns.values() %}
            {{ ai_finops.typed_raw_column(actual.get(column.name | lower), column) }} as {{ column.name }}
            {{- ',' if not loop.last }}
        {%- endfor %}
        from {{ raw_table }}
    {%- else -%}
        {{ ai_finops.empty_raw_rows(source_name, table_name) }}
    {%- endif -%}
{%- endmacro %}

{#- The source's node, for the columns and flags its YAML declares. -#}
{% macro raw_table_node(source_name, table_name) -%}
    {{ return(graph.sources['source.ai_finops.' ~ source_name ~ '.' ~ table_name]) }}
{%- endmacro %}

{#- A typed relation without rows: what an absent optional table looks like. -#}
{% macro empty_raw_rows(source_name, table_name) -%}
    select
    {%- for column in (ai_finops.raw_table_node(source_name, table_name).columns.values() if execute else []) %}
        cast(null as {{ column.data_type }}) as {{ column.name }}{{ ',' if not loop.last }}
    {%- else %} 1 as nothing
    {%- endfor %}
    where 1 = 0
{%- endmacro %}

{#- One declared column: the raw column cast to its declared type, null where it cannot be read. -#}
{% macro typed_raw_column(actual, declared) -%}
    {%- if actual is none -%} cast(null as {{ declared.data_type }})
    {%- else -%}
        {{ ai_finops.safe_cast_raw(adapter.quote(actual.name), actual.dtype | lower, declared.data_type | lower) }}
    {%- endif -%}
{%- endmacro %}
