{#- Fails for each price with two SKUs, each service with two categories, and each id without its name or type,
    or name or type without its id. Services of lines taken over from an invoice are in the issuer's words, and
    issuers do put one service into several categories. -#}
{% test focus_ids_say_what_they_name(model) %}
{%- set names = {
    'BillingAccountId': ['BillingAccountName', 'BillingAccountType'],
    'SubAccountId': ['SubAccountName', 'SubAccountType'],
    'ResourceId': ['ResourceName', 'ResourceType'],
    'RegionId': ['RegionName'],
    'CommitmentDiscountId': [
        'CommitmentDiscountName', 'CommitmentDiscountType', 'CommitmentDiscountCategory'
    ],
    'SkuId': ['SkuMeter'],
} %}
select
    'SkuPriceId ' || "SkuPriceId" || ' has several SkuIds' as finding,
    count(*) as charges
from {{ model }}
where "SkuPriceId" is not null
group by "SkuPriceId"
having min("SkuId") <> max("SkuId")
union all
select
    'ServiceName ' || "ServiceName" || ' has several categories' as finding,
    count(*) as charges
from {{ model }}
where "x_ChargeFamily" in ('metered', 'used_capacity', 'unused_capacity', 'true_up')
group by "ServiceName"
having min("ServiceCategory") <> max("ServiceCategory")
{%- for id, named in names.items() %}
{%- for name in named %}
union all
select
    '{{ id }} and {{ name }} do not go together' as finding,
    count(*) as charges
from {{ model }}
where ("{{ id }}" is null) <> ("{{ name }}" is null)
having count(*) > 0
{%- endfor %}
{%- endfor %}
{% endtest %}
