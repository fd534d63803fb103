{#- Fails for each text column that holds an empty text, each JSON column that holds anything but a flat object,
    and each column that is neither the specification's nor starts with x_. -#}
{% test focus_texts_and_documents_are_clean(model) %}
{%- set value = '("[^"]*"|-?[0-9.]+|true|false|null)' -%}
{%- set flat_object = '[{]("[^"]*":' ~ value ~ '(,"[^"]*":' ~ value ~ ')*)?[}]' -%}
{%- if execute %}
{%- for column in adapter.get_columns_in_relation(model) if column.is_string() %}
select
    '{{ column.name }} holds an empty text' as finding,
    count(*) as charges
from {{ model }}
where "{{ column.name }}" = ''
having count(*) > 0
union all
{%- endfor %}
{%- endif %}
select
    'column ' || columns_found.column_name || ' is not in the specification' as finding,
    1 as charges
from ({{ focus_columns_of(model) }}) as columns_found
left join {{ ref('focus_columns') }} as catalogue
    on
        columns_found.column_name = catalogue.column_name
        and catalogue.focus_version = '{{ focus_version(model) }}'
where catalogue.column_name is null and substr(columns_found.column_name, 1, 2) <> 'x_'
{%- for document in ['"Tags"', '"SkuPriceDetails"', focus_later_column(model, 'AllocatedTags')] %}
union all
select
    '{{ document | replace('"', '') }} is no flat object' as finding,
    count(*) as charges
from {{ model }}
where
    not coalesce({{ matches_pattern(
        "replace(replace(" ~ document ~ ", chr(92) || chr(92), ''), chr(92) || '\"', '')",
        flat_object
    ) }}, true)
having count(*) > 0
{%- endfor %}
{% endtest %}
