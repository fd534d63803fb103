with

charges as (
    select * from {{ ref('int_capacity_charges_monthly') }}
    where charge_type in ('used', 'idle')
),

months as (
    select * from {{ ref('int_capacity_months_stepped') }}
),

commitment_lines as (
    select * from {{ ref('int_invoice_lines_stepped') }}
    where line_kind = 'commitment'
),

commitments as (
    {{ latest_rows(ref('commitments'), 'commitment_id') }}
),

bills as (

    select
        step_id,
        billing_account_id,
        billing_month,
        commitment_id,
        min(bill_id) as bill_id,
        sum(billed_cost_usd) as billed_usd
    from commitment_lines
    group by step_id, billing_account_id, billing_month, commitment_id

),

known_charges as (

    select
        months.step_id,
        charges.*,
        commitments.billing_account_id,
        commitments.model_id
    from charges
    inner join months
        on
            charges.pool_id = months.pool_id
            and charges.billing_month = months.billing_month
            and charges.known_month = months.known_month
    inner join commitments
        on charges.commitment_id = commitments.commitment_id

),

borne as (

    select
        known_charges.step_id,
        known_charges.billing_account_id,
        known_charges.billing_month,
        coalesce(
            bills.bill_id,
            'estimated:' || known_charges.commitment_id || ':'
            || substr(cast(known_charges.billing_month as varchar), 1, 7)
        ) as bill_id,
        known_charges.model_id,
        'committed' as price_mode,
        known_charges.commitment_id,
        case known_charges.charge_type when 'idle' then 'idle' else 'direct' end
            as line_type,
        coalesce(known_charges.application_id, 'UNREGISTERED') as application_id,
        cast(null as varchar) as contributing_team_id,
        known_charges.cost_center_id,
        known_charges.amount_usd
    from known_charges
    left join bills
        on
            known_charges.step_id = bills.step_id
            and known_charges.commitment_id = bills.commitment_id

),

borne_sums as (

    select
        step_id,
        commitment_id,
        sum(amount_usd) as borne_usd
    from borne
    group by step_id, commitment_id

),

-- What a bill asks for beyond the month's share of a term is paid ahead; a month
-- without a bill uses it up.
prepaid as (

    select
        bills.step_id,
        bills.billing_account_id,
        bills.billing_month,
        bills.bill_id,
        coalesce(commitments.model_id, 'UNKNOWN') as model_id,
        'committed' as price_mode,
        bills.commitment_id,
        'prepaid' as line_type,
        'UNREGISTERED' as application_id,
        cast(null as varchar) as contributing_team_id,
        'PREPAID' as cost_center_id,
        cast(
            bills.billed_usd - coalesce(borne_sums.borne_usd, 0) as decimal(38, 12)
        ) as amount_usd
    from bills
    left join borne_sums
        on
            bills.step_id = borne_sums.step_id
            and bills.commitment_id = borne_sums.commitment_id
    left join commitments
        on bills.commitment_id = commitments.commitment_id

),

final as (

    select * from borne
    union all
    select * from prepaid
    where amount_usd <> 0

)

select * from final
