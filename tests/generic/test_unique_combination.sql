{#- Fails for each combination of columns that occurs twice or, unless it may, holds a null. -#}
{% test unique_combination(model, columns, allows_null=false) %}
select
    {{ columns | join(', ') }},
    count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- if not allows_null %}
    {%- for column in columns %}
    or max(case when {{ column }} is null then 1 else 0 end) = 1
    {%- endfor %}
    {%- endif %}
{% endtest %}
