{#- Fails for each value that is the reciprocal of the median of its group within `tolerance`, and more than
    `distance` away both from the median and from the value before or after it: a rate written the other way
    round, also near 1. A rate that drifts across 1 step by step passes, and so does one whose reciprocal is
    no further away than `distance`, where nobody could tell. -#}
{% test not_the_reciprocal(model, column_name, group_columns, order_by, tolerance, distance) %}
{%- set groups = group_columns | join(', ') -%}
with medians as (
    select
        {{ groups }},
        percentile_disc(0.5) within group (order by {{ column_name }}) as usual_value
    from {{ model }}
    group by {{ groups }}
),

ordered as (
    select
        *,
        lag({{ column_name }}) over (partition by {{ groups }} order by {{ order_by }}) as value_before,
        lead({{ column_name }}) over (partition by {{ groups }} order by {{ order_by }}) as value_after
    from {{ model }}
),

compared as (
    select
        ordered.*,
        medians.usual_value,
        {%- for other in ['medians.usual_value', 'ordered.value_before', 'ordered.value_after'] %}
        coalesce(
            ordered.{{ column_name }} > {{ other }} * (1 + {{ distance }})
            or {{ other }} > ordered.{{ column_name }} * (1 + {{ distance }}),
            false
        ) as is_far_from_{{ other.split('.')[1] }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from ordered
    inner join medians
        on
            {%- for column in group_columns %}
            {{ 'and ' if not loop.first }}ordered.{{ column }} = medians.{{ column }}
            {%- endfor %}
)

select
    *,
    'The rate ' || cast({{ column_name }} as varchar) || ' is that of the opposite direction: usually it is '
    || cast(usual_value as varchar) || ', and 1 divided by that is about this rate. Enter what one unit'
    || ' of the foreign currency is worth.' as explanation
from compared
where
    {{ column_name }} * usual_value between 1 - {{ tolerance }} and 1 + {{ tolerance }}
    and is_far_from_usual_value
    and (is_far_from_value_before or is_far_from_value_after)
{% endtest %}
