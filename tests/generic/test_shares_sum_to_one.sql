{#-
  Fails for each instant at which the shares of a key sum to more than 1. Less than 1
  is allowed: the rest is UNALLOCATED. Only the starts of rows need a look, since sums
  change nowhere else upwards.
-#}
{% test shares_sum_to_one(model, keys) %}
select
    {%- for key in keys %}
    starts.{{ key }},
    {%- endfor %}
    starts.valid_from_at,
    sum(rows_then.share) as total_share
from (select distinct {{ keys | join(', ') }}, valid_from_at from {{ model }}) as starts
inner join {{ model }} as rows_then
    on
        {%- for key in keys %}
        starts.{{ key }} = rows_then.{{ key }} and
        {%- endfor %}
        starts.valid_from_at >= rows_then.valid_from_at
        and starts.valid_from_at < rows_then.valid_until_at
group by
    {%- for key in keys %}
    starts.{{ key }},
    {%- endfor %}
    starts.valid_from_at
having sum(rows_then.share) > 1
{% endtest %}
