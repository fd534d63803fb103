{{ config(materialized='table') }}

with

metered_charges as (
    select * from {{ ref('int_metered_charges') }}
),

rated_shares as (
    select * from {{ ref('int_rated_shares_monthly') }}
    where not is_spill
),

spill_shares as (
    select * from {{ ref('int_spill_shares_monthly') }}
),

capacity_charges as (
    select * from {{ ref('int_capacity_charges_stepped') }}
),

bill_lines as (
    select * from {{ ref('int_bill_line_charges') }}
),

shares as (

    select
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        is_spill,
        application_id,
        contributing_team_id,
        cost_center_id,
        weight
    from rated_shares
    union all
    select
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        price_mode,
        true as is_spill,
        application_id,
        contributing_team_id,
        cost_center_id,
        weight
    from spill_shares

),

total_weights as (

    select
        shares.*,
        sum(shares.weight) over (
            partition by
                shares.step_id,
                shares.billing_account_id,
                shares.billing_month,
                shares.model_id,
                shares.price_mode
        ) as total_weight
    from shares

),

-- The bill decides the sum, the telemetry who bears which part of it.
spread as (

    select
        metered_charges.step_id,
        metered_charges.billing_account_id,
        metered_charges.billing_month,
        metered_charges.bill_id,
        metered_charges.model_id,
        metered_charges.price_mode,
        cast(null as varchar) as commitment_id,
        case
            when
                metered_charges.line_type = 'direct' and total_weights.is_spill
                then 'spill'
            else metered_charges.line_type
        end as line_type,
        total_weights.application_id,
        total_weights.contributing_team_id,
        total_weights.cost_center_id,
        {{ scaled_usd(
            'metered_charges.amount_usd',
            'total_weights.weight',
            'total_weights.total_weight',
        ) }} as amount_usd
    from metered_charges
    inner join total_weights
        on
            metered_charges.step_id = total_weights.step_id
            and metered_charges.billing_account_id = total_weights.billing_account_id
            and metered_charges.billing_month = total_weights.billing_month
            and metered_charges.model_id = total_weights.model_id
            and metered_charges.price_mode = total_weights.price_mode
    where metered_charges.line_type in ('direct', 'true_up')

),

unspread as (

    select
        step_id,
        billing_account_id,
        billing_month,
        bill_id,
        model_id,
        price_mode,
        cast(null as varchar) as commitment_id,
        line_type,
        'UNREGISTERED' as application_id,
        cast(null as varchar) as contributing_team_id,
        upper(line_type) as cost_center_id,
        amount_usd
    from metered_charges
    where line_type in ('unallocated', 'unattributed')

),

final as (

    select * from spread
    union all
    select * from unspread
    union all
    select * from capacity_charges
    union all
    select * from bill_lines

)

select * from final
