{#- Fails for each combination of columns that occurs twice or holds a null. -#}
{% test unique_combination(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or max(case when {{ column }} is null then 1 else 0 end) = 1
    {%- endfor %}
{% endtest %}
