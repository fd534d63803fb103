{#- Fails for each value more than `multiple` times above or below the median of its group: a rate
    written the other way round. -#}
{% test near_the_median(model, column_name, group_columns, multiple) %}
with medians as (
    select
        {{ group_columns | join(', ') }},
        percentile_disc(0.5) within group (order by {{ column_name }}) as median_value
    from {{ model }}
    group by {{ group_columns | join(', ') }}
)

select
    observed.*,
    medians.median_value
from {{ model }} as observed
inner join medians
    on
        {%- for column in group_columns %}
        {{ 'and ' if not loop.first }}observed.{{ column }} = medians.{{ column }}
        {%- endfor %}
where
    observed.{{ column_name }} > medians.median_value * {{ multiple }}
    or observed.{{ column_name }} * {{ multiple }} < medians.median_value
{% endtest %}
