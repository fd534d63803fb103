{#- The condition that a row was known at the `as_of` var; true for every row when it is empty. -#}
{% macro is_known(recorded_at) -%}
    {%- if var('as_of') | string | length > 0 -%}
        {{ recorded_at }} <= cast('{{ var("as_of") }}' as timestamp)
    {%- else -%} 1 = 1
    {%- endif -%}
{%- endmacro %}

{#- Reference rows known at the `as_of` var; of rows with the same key and start the latest recorded wins. -#}
{% macro known_rows(relation, key) -%}
    select *
    from {{ relation }}
    where {{ is_known('recorded_at') }}
    qualify row_number() over (
        partition by {{ key | join(', ') }}, valid_from_at
        order by recorded_at desc
    ) = 1
{%- endmacro %}

{#- Of the known reference rows, the newest version of each key: what a dimension shows. -#}
{% macro latest_rows(relation, key) -%}
    select *
    from {{ relation }}
    where {{ is_known('recorded_at') }}
    qualify row_number() over (
        partition by {{ key }}
        order by valid_from_at desc, recorded_at desc
    ) = 1
{%- endmacro %}
