{#- True when the table has rows to read; false when an optional one is absent. Otherwise stops,
    naming what to set, because an empty log must never read as zero cost. -#}
{% macro raw_table_is_present(source_name, table_name) -%}
    {%- set is_optional = ai_finops.raw_table_node(source_name, table_name).config.meta.get('optional', false) -%}
    {%- set place = ai_finops.raw_table_place(source_name, table_name) -%}
    {%- set problem = ai_finops.raw_table_problem(source_name, table_name) -%}
    {%- if problem == '' and run_query('select 1 as one from ' ~ source(source_name, table_name) ~ ' limit 1').rows | length == 0 -%}
        {%- set problem = 'has no rows, so nothing can be told from it' -%}
    {%- endif -%}
    {%- if problem != '' and not is_optional -%}
        {{ exceptions.raise_compiler_error(
            "Source '" ~ source_name ~ "', table '" ~ table_name ~ "': " ~ place ~ " " ~ problem
            ~ ". Export it to there, or take '" ~ source_name ~ "' out of the var 'sources'."
        ) }}
    {%- endif -%}
    {{ return(problem == '') }}
{%- endmacro %}

{#- Stops when a column without which nothing can be rated is missing. -#}
{% macro require_raw_columns(source_name, table_name, actual) -%}
    {%- set missing = [] -%}
    {%- for column in ai_finops.raw_table_node(source_name, table_name).columns.values() -%}
        {%- if column.config.meta.get('required', false) and column.name | lower not in actual -%}
            {%- do missing.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if missing | length > 0 -%}
        {{ exceptions.raise_compiler_error(
            "Source '" ~ source_name ~ "', table '" ~ table_name ~ "': "
            ~ ai_finops.raw_table_place(source_name, table_name) ~ " lacks the required column(s) "
            ~ missing | join(', ') ~ ". Columns found: " ~ actual.keys() | sort | join(', ') ~ "."
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- Stops at a misspelled source: read as inactive, it would build empty marts without a word. -#}
{% macro require_known_sources() -%}
    {%- set known = (graph.sources.values() | map(attribute='source_name') | unique | sort) if execute else [] -%}
    {%- for name in var('sources') if execute and name not in known -%}
        {{ exceptions.raise_compiler_error(
            "The var 'sources' names '" ~ name ~ "', which is not a source. Known sources: " ~ known | join(', ') ~ "."
        ) }}
    {%- endfor -%}
{%- endmacro %}

{#- Where a reader of an error message should look. -#}
{% macro raw_table_place(source_name, table_name) -%}
    {{ return(adapter.dispatch('raw_table_place', 'ai_finops')(source_name, table_name)) }}
{%- endmacro %}

{% macro default__raw_table_place(source_name, table_name) -%}
    {{ return('table ' ~ source(source_name, table_name) ~ ' (schema from AI_FINOPS_RAW_SCHEMA)') }}
{%- endmacro %}

{% macro duckdb__raw_table_place(source_name, table_name) -%}
    {%- set folder = env_var('AI_FINOPS_RAW_PATH', 'sample_data') -%}
    {%- set format = env_var('AI_FINOPS_RAW_FORMAT', 'parquet') -%}
    {%- if format not in ['parquet', 'csv', 'json'] -%}
        {{ exceptions.raise_compiler_error("AI_FINOPS_RAW_FORMAT is '" ~ format ~ "': it must be parquet, csv or json.") }}
    {%- endif -%}
    {{ return(folder ~ '/' ~ source_name ~ '/' ~ table_name ~ '*.' ~ format
        ~ ' (folder from AI_FINOPS_RAW_PATH, format from AI_FINOPS_RAW_FORMAT)') }}
{%- endmacro %}

{#- '' when the table can be opened, else what is wrong with it. -#}
{% macro raw_table_problem(source_name, table_name) -%}
    {{ return(adapter.dispatch('raw_table_problem', 'ai_finops')(source_name, table_name)) }}
{%- endmacro %}

{% macro default__raw_table_problem(source_name, table_name) -%}
    {%- set wanted = source(source_name, table_name) -%}
    {%- set found = adapter.get_relation(wanted.database, wanted.schema, wanted.identifier) -%}
    {{ return('' if found is not none else 'does not exist') }}
{%- endmacro %}

{% macro duckdb__raw_table_problem(source_name, table_name) -%}
    {%- set pattern = ai_finops.raw_table_place(source_name, table_name).split(' (folder')[0] -%}
    {%- if run_query("select count(*) from glob('" ~ pattern ~ "')").rows[0][0] == 0 -%}
        {{ return('does not exist') }}
    {%- endif -%}
    {%- set empty = run_query(
        "select filename from read_blob('" ~ pattern ~ "') where size = 0 order by filename"
    ).columns[0].values() -%}
    {%- set said = ' is an empty file' if empty | length == 1 else ' are empty files' -%}
    {{ return('' if empty | length == 0 else 'cannot be read: ' ~ empty | join(', ') ~ said) }}
{%- endmacro %}
