{#- Fails for each value that the specification does not list, in the columns for which it lists values. -#}
{% test focus_values_are_those_of_the_specification(model) %}
with

found_values as (
    {%- for column in [
        'CapacityReservationStatus', 'ChargeCategory', 'ChargeClass', 'ChargeFrequency',
        'CommitmentDiscountCategory', 'CommitmentDiscountStatus', 'PricingCategory',
        'ServiceCategory', 'ServiceSubcategory',
    ] %}
    select
        '{{ column }}' as column_name,
        "{{ column }}" as found_value,
        count(*) as charges
    from {{ model }}
    where "{{ column }}" is not null
    group by "{{ column }}"
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

catalogue as (
    select * from {{ ref('focus_columns') }}
    where focus_version = '{{ focus_version(model) }}'
)

select found_values.*
from found_values
left join catalogue
    on found_values.column_name = catalogue.column_name
where
    '|' || coalesce(catalogue.allowed_values, '') || '|'
    not like '%|' || found_values.found_value || '|%'
{% endtest %}
