{#- Fails when the relation does not have exactly this many rows. -#}
{% test exactly_rows(model, rows) %}
select count(*) as found
from {{ model }}
having count(*) <> {{ rows }}
{% endtest %}
