{#- Fails for each row whose list or contracted cost is not its unit price x quantity: exactly on metered
    tokens, to the billionth part where a quantity is a fraction or the row came with an invoice. Fails also
    for metered tokens without a price that do not say so. -#}
{% test focus_costs_are_unit_prices_times_quantities(model) %}
select * from {{ model }}
where
    "ChargeClass" is null
    and (
        {%- for kind in ['List', 'Contracted'] %}
        case
            when "x_ChargeFamily" = 'metered'
                then
                    "{{ kind }}Cost" <> cast("PricingQuantity" as decimal(20, 0))
                    * cast("{{ kind }}UnitPrice" as decimal(18, 12))
            else
                abs(
                    cast("{{ kind }}Cost" as double)
                    - cast("PricingQuantity" as double) * cast("{{ kind }}UnitPrice" as double)
                ) > 0.000000001 * abs(cast("{{ kind }}Cost" as double))
        end
        or
        {%- endfor %}
        "x_ChargeFamily" = 'metered'
        and "ContractedUnitPrice" is null
        and coalesce("x_SourceChanges", '') not like '%MissingPrice%'
    )
{% endtest %}
