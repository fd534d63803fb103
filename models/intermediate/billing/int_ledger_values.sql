{{ config(materialized='table') }}

{%- set line = [
    'step_id', 'billing_account_id', 'bill_id', 'model_id', 'commitment_id', 'line_type',
    'application_id', 'contributing_team_id', 'cost_center_id',
] -%}

with

borne_charges as (
    select * from {{ ref('int_borne_charges') }}
),

credit_charges as (
    select * from {{ ref('int_credit_charges') }}
),

bill_lines as (
    select
        step_id,
        bill_id,
        sum(billed_cost_usd) as billed_usd
    from {{ ref('int_invoice_lines_stepped') }}
    group by step_id, bill_id
),

charges as (

    select * from borne_charges
    union all
    select * from credit_charges

),

summed as (

    select
        {{ line | join(',\n        ') }},
        sum(amount_usd) as exact_usd
    from charges
    group by
        {{ line | join(',\n        ') }}

),

-- A bill's own total is posted; without a bill, the estimate's.
totaled as (

    select
        summed.*,
        coalesce(
            bill_lines.billed_usd,
            sum(summed.exact_usd) over (
                partition by summed.step_id, summed.billing_account_id, summed.bill_id
            )
        ) as total_usd
    from summed
    left join bill_lines
        on
            summed.step_id = bill_lines.step_id
            and summed.bill_id = bill_lines.bill_id

),

-- In cents. A negative total is split like a positive one and signed again.
signed as (

    select
        totaled.*,
        case when totaled.total_usd < 0 then -1 else 1 end as total_sign,
        cast(abs(round(totaled.total_usd, 2)) * 100 as decimal(38, 0)) as total_cents,
        totaled.exact_usd * case when totaled.total_usd < 0 then -100 else 100 end
            as exact_cents
    from totaled

),

-- What a split leaves in the last decimals hangs on the rows it was made of: it does
-- not decide who bears a cent.
parted as (

    select
        signed.*,
        cast(floor(signed.exact_cents) as decimal(38, 0)) as floor_cents,
        round(signed.exact_cents - floor(signed.exact_cents), 6) as cent_remainder
    from signed

),

-- What is left over goes, cent by cent, to the largest remainders.
final as (

    select
        {{ line | join(',\n        ') }},
        cast(exact_usd as decimal(38, 12)) as exact_usd,
        cast(
            total_sign * cast(
                floor_cents + case
                    when
                        row_number() over (
                            partition by step_id, billing_account_id, bill_id
                            order by
                                cent_remainder desc,
                                application_id asc,
                                cost_center_id asc,
                                model_id asc,
                                line_type asc,
                                coalesce(commitment_id, '') asc,
                                coalesce(contributing_team_id, '') asc
                        ) <= total_cents - sum(floor_cents) over (
                            partition by step_id, billing_account_id, bill_id
                        )
                        then 1
                    else 0
                end as decimal(20, 0)
            ) * cast(0.01 as decimal(3, 2)) as decimal(38, 2)
        ) as amount_usd
    from parted

)

select * from final
