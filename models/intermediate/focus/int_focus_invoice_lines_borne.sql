with

bill_lines as (
    select * from {{ ref('int_focus_bill_lines') }}
    where
        line_kind in (
            'commitment', 'fee', 'adjustment', 'tax', 'credit', 'correction', 'bypass',
            'unmapped'
        )
),

bearers as (
    select * from {{ ref('int_focus_line_bearers') }}
),

covering_commitments as (
    select commitment_id
    from {{ ref('int_focus_commitment_months') }}
    group by commitment_id
),

commitments as (
    {{ latest_rows(ref('commitments'), 'commitment_id') }}
),

pool_rules as (
    {{ latest_rows(ref('allocation_rules'), 'pool_name') }}
),

cost_centers as (
    {{ latest_rows(ref('cost_centers'), 'cost_center_id') }}
),

-- A usage line that states no quantity or no price of its own cannot be a Usage row.
classified as (

    select
        bill_lines.*,
        case
            when bill_lines.line_kind = 'credit' then 'Credit'
            when bill_lines.line_kind = 'tax' then 'Tax'
            when bill_lines.line_kind in ('commitment', 'fee') then 'Purchase'
            when bill_lines.line_kind in ('bypass', 'adjustment') then 'Adjustment'
            when
                bill_lines.line_kind = 'unmapped'
                and (
                    bill_lines.consumed_quantity is null
                    or bill_lines.consumed_unit is null
                    or bill_lines.sku_id is null
                    or bill_lines.sku_price_id is null
                    or bill_lines.commitment_id is not null
                )
                then 'Adjustment'
            when bill_lines.sku_price_id is null then 'Adjustment'
            else 'Usage'
        end as category,
        covering_commitments.commitment_id is not null
        and bill_lines.line_kind = 'commitment' as is_covering,
        pool_rules.source_cost_center_id
    from bill_lines
    left join covering_commitments
        on bill_lines.commitment_id = covering_commitments.commitment_id
    left join commitments
        on bill_lines.commitment_id = commitments.commitment_id
    left join pool_rules
        on commitments.pool_id = pool_rules.pool_name

),

borne as (

    select
        classified.*,
        bearers.application_id,
        coalesce(
            bearers.business_unit_id,
            cost_centers.business_unit_id,
            bearers.cost_center_id,
            case
                when classified.line_kind = 'bypass' then 'UNATTRIBUTED'
                when classified.line_kind = 'commitment'
                    then classified.source_cost_center_id
            end,
            'UNALLOCATED'
        ) as business_unit_id,
        bearers.cost_center_id,
        coalesce(bearers.weight, 1) as weight
    from classified
    left join bearers
        on
            classified.invoice_line_id = bearers.invoice_line_id
            and classified.version_no = bearers.version_no
    left join cost_centers
        on
            coalesce(
                bearers.cost_center_id,
                case
                    when classified.line_kind = 'commitment'
                        then classified.source_cost_center_id
                end
            ) = cost_centers.cost_center_id

),

shares as (
    {{ focus_shares(
        'borne',
        ['invoice_line_id', 'version_no'],
        [
            "coalesce(application_id, '')", "coalesce(cost_center_id, '')",
            'business_unit_id'
        ],
    ) }}
)

select * from shares
