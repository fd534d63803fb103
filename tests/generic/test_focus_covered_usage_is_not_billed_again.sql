{#- Fails for each row of used or unused commitment that is billed: the purchase was. -#}
{% test focus_covered_usage_is_not_billed_again(model) %}
select * from {{ model }}
where "CommitmentDiscountStatus" in ('Used', 'Unused') and "BilledCost" <> 0
{% endtest %}
