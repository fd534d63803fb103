{#- Fails for each charge whose parts do not sum to exactly 1, or do not say their ratio. -#}
{% test focus_parts_of_a_charge_sum_to_one(model) %}
select
    "x_OriginChargeId" as origin_charge_id,
    sum("x_AllocatedRatio") as ratios,
    count(*) as parts
from {{ model }}
where
    "x_OriginChargeId" is not null
    or "x_AllocatedRatio" is not null
    or {{ focus_later_column(model, 'AllocatedMethodId') }} is not null
    or {{ focus_later_column(model, 'AllocatedMethodDetails') }} is not null
group by "x_OriginChargeId"
having
    coalesce(sum("x_AllocatedRatio"), 0) <> 1
    or max(
        case
            when
                "x_OriginChargeId" is not null
                and {{ focus_later_column(model, 'AllocatedMethodId') }} is not null
                and {{ focus_later_column(model, 'AllocatedResourceId') }} is not null
                and {{ focus_later_column(model, 'AllocatedMethodDetails') }}
                = '{"Elements":[{"AllocatedRatio":'
                || cast("x_AllocatedRatio" as varchar) || '}]}'
                then 0
            else 1
        end
    ) = 1
{% endtest %}
