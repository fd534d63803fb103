{#- Fails for each row that costs more than the public price. -#}
{% test focus_contracted_costs_do_not_exceed_list_costs(model) %}
select * from {{ model }}
where "ContractedCost" > "ListCost"
{% endtest %}
