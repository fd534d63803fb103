{#- Fails for each column that is not where the specification's catalogue has it; our own columns come after. -#}
{% test focus_columns_follow_the_catalogue(model) %}
select
    coalesce(catalogue.position, columns_found.position) as position,
    catalogue.column_name as expected_name,
    columns_found.column_name as found_name
from (
    select * from {{ ref('focus_columns') }}
    where focus_version = '{{ focus_version(model) }}'
) as catalogue
full outer join ({{ focus_columns_of(model) }}) as columns_found
    on catalogue.position = columns_found.position
where
    coalesce(catalogue.column_name, '') <> coalesce(columns_found.column_name, '')
    and not (
        catalogue.column_name is null
        and substr(columns_found.column_name, 1, 2) = 'x_'
    )
{% endtest %}
