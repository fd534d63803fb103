with

gateway_differences as (
    select * from {{ ref('int_gateway_differences') }}
),

entries as (
    select * from {{ ref('int_reconciliation_entries') }}
),

-- From what the gateway says to what was rated.
gateway_entries as (

    select
        usage_month,
        billing_account_id,
        model_id,
        'gateway' as evidence,
        'gateway_reported' as entry_name,
        coalesce(gateway_reported_cost_usd, 0) as amount_usd
    from gateway_differences
    union all
    select
        usage_month,
        billing_account_id,
        model_id,
        'rating' as evidence,
        -- Equal costs of a call differ only where capacity is charged instead of it.
        case cause when 'equal' then 'charged_by_capacity' else cause end as entry_name,
        rated_usd - coalesce(gateway_reported_cost_usd, 0) as amount_usd
    from gateway_differences
    union all
    select
        billing_month as usage_month,
        billing_account_id,
        model_id,
        'rating' as evidence,
        'committed_capacity' as entry_name,
        amount_usd
    from entries
    where
        entry_name = 'rated'
        and token_class = 'CAPACITY'

),

-- From what was rated to what was invoiced.
invoice_entries as (

    select
        billing_month as usage_month,
        billing_account_id,
        model_id,
        'invoice' as evidence,
        entry_name,
        amount_usd
    from entries
    where entry_name not in ('rated', 'invoiced')

),

all_entries as (

    select * from gateway_entries
    union all
    select * from invoice_entries

),

final as (

    select
        usage_month as month, -- noqa: RF04
        billing_account_id,
        model_id,
        evidence,
        entry_name as cause,
        cast(sum(amount_usd) as numeric(38, 12)) as amount_usd
    from all_entries
    group by usage_month, billing_account_id, model_id, evidence, entry_name
    having sum(amount_usd) <> 0

)

select * from final
