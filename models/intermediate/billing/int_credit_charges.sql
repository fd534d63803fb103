{%- set credit = [
    'step_id', 'billing_account_id', 'billing_month', 'bill_id', 'reference_invoice_id',
    'model_id', 'price_mode', 'commitment_id', 'charge_name',
] -%}

with

credit_lines as (
    select
        *,
        case when commitment_id is null then pricing_mode else 'committed' end
            as price_mode,
        coalesce(commitment_id, model_id || '|' || pricing_mode, '') as charge_name
    from {{ ref('int_invoice_lines_stepped') }}
    where line_kind = 'credit'
),

charges as (
    select
        *,
        coalesce(commitment_id, model_id || '|' || price_mode, '') as charge_name
    from {{ ref('int_borne_charges') }}
    where
        amount_usd > 0
        and line_type <> 'prepaid'
),

credits as (

    select
        {{ credit | join(',\n        ') }},
        cast(sum(billed_cost_usd) as decimal(38, 12)) as amount_usd
    from credit_lines
    group by
        {{ credit | join(',\n        ') }}

),

-- First those who bore what is credited, then all who used the account in that month.
matched as (

    select
        credits.*,
        charges.application_id,
        charges.contributing_team_id,
        charges.cost_center_id,
        charges.amount_usd as borne_usd,
        case
            when
                charges.bill_id = credits.reference_invoice_id
                and charges.charge_name = credits.charge_name
                then 1
            else 2
        end as distance
    from credits
    left join charges
        on
            credits.step_id = charges.step_id
            and credits.billing_account_id = charges.billing_account_id

),

closest as (

    select *
    from matched
    qualify distance = min(distance) over (partition by {{ credit | join(', ') }})

),

bearers as (

    select
        {{ credit | join(',\n        ') }},
        amount_usd,
        application_id,
        contributing_team_id,
        cost_center_id,
        cast(sum(borne_usd) * 1000000000000 as decimal(38, 0)) as borne_parts
    from closest
    group by
        {{ credit | join(',\n        ') }},
        amount_usd,
        application_id,
        contributing_team_id,
        cost_center_id

),

-- A credit for an account that nobody used stays where unallocated money stands.
final as (

    select
        step_id,
        billing_account_id,
        billing_month,
        bill_id,
        coalesce(model_id, 'UNKNOWN') as model_id,
        price_mode,
        commitment_id,
        'credit' as line_type,
        coalesce(application_id, 'UNREGISTERED') as application_id,
        contributing_team_id,
        coalesce(cost_center_id, 'UNALLOCATED') as cost_center_id,
        cast(
            coalesce(
                {{ scaled_usd(
                    'amount_usd',
                    'borne_parts',
                    'sum(borne_parts) over (partition by ' ~ credit | join(', ') ~ ')',
                ) }},
                amount_usd
            ) as decimal(38, 12)
        ) as amount_usd
    from bearers

)

select * from final
