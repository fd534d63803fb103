{#- Fails for each issuer's billing period whose effective costs do not sum to its billed costs. Periods that
    use a commitment without holding its purchase, or a purchase for longer, are not compared. -#}
{% test focus_effective_cost_is_billed_cost_once_a_period_is_closed(model) %}
with

purchases as (
    select
        "CommitmentDiscountId" as commitment_id,
        "BillingPeriodStart" as period_start,
        max(
            case
                when
                    "ChargePeriodStart" < "BillingPeriodStart"
                    or "ChargePeriodEnd" > "BillingPeriodEnd"
                    then 1
                else 0
            end
        ) as is_longer
    from {{ model }}
    where "x_ChargeFamily" = 'commitment_purchase'
    group by "CommitmentDiscountId", "BillingPeriodStart"
),

compared as (
    select
        charges."InvoiceIssuerName" as issuer,
        charges."BillingPeriodStart" as period_start,
        charges."BillingCurrency" as currency,
        sum(charges."EffectiveCost") as effective_cost,
        sum(charges."BilledCost") as billed_cost,
        max(
            case
                when purchases.is_longer = 1 then 1
                when
                    charges."CommitmentDiscountStatus" is not null
                    and purchases.commitment_id is null
                    then 1
                else 0
            end
        ) as is_incomplete
    from {{ model }} as charges
    left join purchases
        on
            charges."CommitmentDiscountId" = purchases.commitment_id
            and charges."BillingPeriodStart" = purchases.period_start
    group by
        charges."InvoiceIssuerName",
        charges."BillingPeriodStart",
        charges."BillingCurrency"
)

select * from compared
where is_incomplete = 0 and effective_cost <> billed_cost
{% endtest %}
