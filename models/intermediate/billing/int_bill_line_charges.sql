with

bill_lines as (
    select * from {{ ref('int_invoice_lines_stepped') }}
    where line_kind in ('bypass', 'unmapped', 'fee', 'adjustment', 'tax')
),

ownership_shares as (
    select * from {{ ref('int_ownership_shares') }}
),

-- Usage that went past the gateway belongs to the owner of its project, if somebody
-- owns it, and to nobody else.
owned as (

    select
        bill_lines.*,
        ownership_shares.cost_center_id,
        coalesce(ownership_shares.share_millionths, 1000000) as share_millionths
    from bill_lines
    left join ownership_shares
        on
            bill_lines.line_kind = 'bypass'
            and bill_lines.sub_account_id = ownership_shares.application_id
            and bill_lines.charge_period_start >= ownership_shares.valid_from_at
            and bill_lines.charge_period_start < ownership_shares.valid_until_at
            and bill_lines.owners_known_month >= ownership_shares.known_from_month
            and bill_lines.owners_known_month < ownership_shares.known_until_month

),

final as (

    select
        step_id,
        billing_account_id,
        billing_month,
        bill_id,
        coalesce(model_id, 'UNKNOWN') as model_id,
        pricing_mode as price_mode,
        cast(null as varchar) as commitment_id,
        case
            when line_kind = 'tax' then 'tax'
            when line_kind <> 'bypass' then 'unallocated'
            when cost_center_id is null then 'unattributed'
            else 'direct'
        end as line_type,
        'UNREGISTERED' as application_id,
        cast(null as varchar) as contributing_team_id,
        case
            when line_kind <> 'bypass' then 'UNALLOCATED'
            else coalesce(cost_center_id, 'UNATTRIBUTED')
        end as cost_center_id,
        cast(
            sum({{ scaled_usd('billed_cost_usd', 'share_millionths', '1000000') }})
            as decimal(38, 12)
        ) as amount_usd
    from owned
    group by
        step_id,
        billing_account_id,
        billing_month,
        bill_id,
        coalesce(model_id, 'UNKNOWN'),
        pricing_mode,
        line_kind,
        cost_center_id

)

select * from final
