{#- Incremental strategy `replace_outdated`: every row whose inputs_version is no longer the one that the
    model's `versions` relation holds for its date goes, also when its date has no rows any more; then
    the rebuilt dates come in. One transaction, so a killed build leaves the table as it was. -#}
{% macro get_incremental_replace_outdated_sql(arg_dict) -%}
    {{ return(adapter.dispatch('replace_outdated', 'ai_finops')(arg_dict)) }}
{%- endmacro %}

{% macro default__replace_outdated(arg_dict) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set rebuilt = arg_dict['temp_relation'] -%}
    {%- set date_column = config.get('unique_key') -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ target }}
    where
        {{ date_column }} in (select {{ date_column }} from {{ rebuilt }})
        or not exists (
            select 1
            from {{ ref(config.get('meta')['versions']) }} as versions
            where
                versions.{{ date_column }} = {{ target }}.{{ date_column }}
                and versions.inputs_version = {{ target }}.inputs_version
        );
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ rebuilt }}
{%- endmacro %}

{#- Snowflake commits each statement unless told otherwise. Built against a local emulator only. -#}
{% macro snowflake__replace_outdated(arg_dict) -%}
    {{ return(snowflake_dml_explicit_transaction(ai_finops.default__replace_outdated(arg_dict))) }}
{%- endmacro %}
