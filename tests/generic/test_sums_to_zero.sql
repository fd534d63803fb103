{#- Fails for each combination of the keys whose rows do not sum to exactly 0. -#}
{% test sums_to_zero(model, column, keys) %}
select {{ keys | join(', ') }}, sum({{ column }}) as total
from {{ model }}
group by {{ keys | join(', ') }}
having sum({{ column }}) <> 0
{% endtest %}
