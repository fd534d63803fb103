{#- Fails for each purchase of a commitment whose period is over and whose used and unused parts do not cost
    what was billed, and for unused capacity that is negative or told twice. -#}
{% test focus_commitments_are_used_or_unused_in_full(model) %}
with

purchases as (
    select
        "CommitmentDiscountId" as commitment_id,
        "ChargePeriodStart" as starts_at,
        "ChargePeriodEnd" as ends_at,
        sum("BilledCost") as billed_cost
    from {{ model }}
    where "x_ChargeFamily" = 'commitment_purchase'
    group by "CommitmentDiscountId", "ChargePeriodStart", "ChargePeriodEnd"
),

covered as (
    select
        purchases.commitment_id,
        purchases.starts_at,
        purchases.ends_at,
        purchases.billed_cost,
        coalesce(sum(charges."EffectiveCost"), 0) as effective_cost,
        max(charges."ChargePeriodEnd") as covered_until_at
    from purchases
    left join {{ model }} as charges
        on
            purchases.commitment_id = charges."CommitmentDiscountId"
            and charges."CommitmentDiscountStatus" is not null
            and charges."ChargePeriodStart" >= purchases.starts_at
            and charges."ChargePeriodStart" < purchases.ends_at
    group by
        purchases.commitment_id,
        purchases.starts_at,
        purchases.ends_at,
        purchases.billed_cost
),

unused as (
    select
        "CommitmentDiscountId" as commitment_id,
        "ChargePeriodStart" as starts_at,
        count(distinct coalesce("x_OriginChargeId", "x_ChargeId")) as origins,
        min("EffectiveCost") as least_cost
    from {{ model }}
    where "CommitmentDiscountStatus" = 'Unused'
    group by "CommitmentDiscountId", "ChargePeriodStart"
)

select
    commitment_id,
    starts_at,
    'used and unused do not cost what was billed' as finding
from covered
where
    effective_cost <> billed_cost
    and (covered_until_at is null or covered_until_at >= ends_at)
union all
select
    commitment_id,
    starts_at,
    'unused is negative or told twice' as finding
from unused
where origins > 1 or least_cost < 0
{% endtest %}
