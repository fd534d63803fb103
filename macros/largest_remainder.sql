{#- The rows of a relation, each with its whole part of a whole total: split by whole weights, and what
    rounding down leaves goes one by one to the largest remainders. `order_by` ends in a key, so that ties
    fall the same way on every build. Of a group whose weights are all 0 every part is null. -#}
{% macro largest_remainder(relation, group_by, total, weight, order_by, part) -%}
    {%- set groups = group_by | join(', ') -%}
    select
        *,
        cast(
            part_floor + case
                when row_number() over (partition by {{ groups }} order by part_remainder desc, {{ order_by }})
                    <= {{ total }} - sum(part_floor) over (partition by {{ groups }})
                    then 1
                else 0
            end as decimal(38, 0)
        ) as {{ part }}
    from (
        select
            *,
            cast({{ whole_quotient(total ~ ' * ' ~ weight, 'weight_sum') }} as decimal(38, 0)) as part_floor,
            mod({{ total }} * {{ weight }}, nullif(weight_sum, 0)) as part_remainder
        from (
            select *, cast(sum({{ weight }}) over (partition by {{ groups }}) as decimal(38, 0)) as weight_sum
            from {{ relation }}
        )
    )
{%- endmacro %}
