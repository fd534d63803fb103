{#- One row per element of a '|'-joined text column, at most 20, with the other columns kept. -#}
{% macro split_list(relation, column, element) -%}
    select
        {{ relation }}.*,
        {{ dbt.split_part(relation ~ '.' ~ column, "'|'", 'cast(positions.generated_number as integer)') }} as {{ element }}
    from {{ relation }}
    cross join ({{ dbt.generate_series(20) }}) as positions
    where {{ dbt.split_part(relation ~ '.' ~ column, "'|'", 'cast(positions.generated_number as integer)') }} <> ''
{%- endmacro %}
