{#- Fails for each row that breaks one of the rules on which columns are null together, and names it. -#}
{% test focus_columns_are_null_where_they_have_to_be(model) %}
{%- set rules = {
    'usage counts what was consumed, and nothing else does':
        '("ConsumedQuantity" is null) <> ("ChargeCategory" <> \'Usage\' or coalesce("CommitmentDiscountStatus", \'\') = \'Unused\')'
        ~ ' and coalesce("ChargeClass", \'\') <> \'Correction\'',
    'usage has a price':
        '"ChargeCategory" = \'Usage\' and "ChargeClass" is null and "SkuPriceId" is null',
    'usage and purchases have a pricing category':
        '"ChargeCategory" in (\'Usage\', \'Purchase\') and "ChargeClass" is null and "PricingCategory" is null',
    'a tax has neither SKU nor price':
        '"ChargeCategory" = \'Tax\' and coalesce("SkuId", "SkuPriceId", "PricingCategory", "PricingUnit",'
        ~ ' cast("ListUnitPrice" as varchar), cast("ContractedUnitPrice" as varchar), cast("PricingQuantity" as varchar)) is not null',
    'a commitment has a status exactly on its usage':
        '("CommitmentDiscountStatus" is not null) <> ("ChargeCategory" = \'Usage\' and "CommitmentDiscountId" is not null)',
    'a purchase that covers other charges has no effective cost':
        '"ChargeCategory" = \'Purchase\' and "EffectiveCost" <> 0 and "CommitmentDiscountId" in (select commitment_id from covered)',
    'a quantity has a unit, and a unit a quantity':
        '("ConsumedQuantity" is null) <> ("ConsumedUnit" is null) or ("PricingQuantity" is null) <> ("PricingUnit" is null)'
        ~ ' or ("CommitmentDiscountQuantity" is null) <> ("CommitmentDiscountUnit" is null)',
    'an issued row has an invoice, an estimate has none':
        '("x_InvoiceStatus" = \'issued\' and "InvoiceId" is null) or ("x_InvoiceStatus" = \'estimated\' and "InvoiceId" is not null)',
} %}
with

covered as (
    select "CommitmentDiscountId" as commitment_id
    from {{ model }}
    where "CommitmentDiscountStatus" is not null
    group by "CommitmentDiscountId"
)

{% for rule, is_broken in rules.items() -%}
select
    "x_ChargeId" as charge_id,
    '{{ rule }}' as broken_rule
from {{ model }}
where {{ is_broken }}
{{ 'union all' if not loop.last }}
{% endfor -%}
{% endtest %}
