{#-
  Fails for each row whose validity has not ended when the next one of the same columns
  starts: a join on an instant would find both. Windows are half-open.
-#}
{% test no_overlapping_windows(model, columns) %}
with ordered as (
    select
        {{ columns | join(', ') }},
        valid_from_at,
        valid_until_at,
        lead(valid_from_at) over (
            partition by {{ columns | join(', ') }}
            order by valid_from_at
        ) as next_valid_from_at
    from {{ model }}
)

select *
from ordered
where next_valid_from_at < valid_until_at
{% endtest %}
