{{ config(materialized='table') }}

with

commitment_months as (
    select * from {{ ref('int_focus_commitment_months') }}
    where period_cost > used_cost
),

used_charges as (
    select * from {{ ref('int_focus_used_capacity_charges') }}
),

idle_charges as (
    select * from {{ ref('int_capacity_charges_monthly') }}
    where charge_type = 'idle'
    qualify known_month = max(known_month) over (partition by pool_id, billing_month)
),

cost_centers as (
    {{ latest_rows(ref('cost_centers'), 'cost_center_id') }}
),

-- What the unused units would have cost on demand, by what the used ones would have.
used_costs as (

    select
        commitment_id,
        billing_month,
        sum(contracted_cost) as contracted_cost,
        case when count(list_unit_price) = count(*) then sum(list_cost) end
            as list_cost
    from used_charges
    group by commitment_id, billing_month

),

idle_bearers as (

    select
        commitment_months.*,
        idle_charges.cost_center_id,
        coalesce(
            cost_centers.business_unit_id, idle_charges.cost_center_id, 'UNALLOCATED'
        ) as business_unit_id,
        commitment_months.period_cost - commitment_months.used_cost as unused_cost,
        cast(coalesce(idle_charges.amount_usd, 1) * 1000000 as decimal(38, 0))
            as weight,
        used_costs.contracted_cost as used_contracted_cost,
        used_costs.list_cost as used_list_cost
    from commitment_months
    left join idle_charges
        on
            commitment_months.commitment_id = idle_charges.commitment_id
            and commitment_months.billing_month = idle_charges.billing_month
            and idle_charges.amount_usd > 0
    left join cost_centers
        on idle_charges.cost_center_id = cost_centers.cost_center_id
    left join used_costs
        on
            commitment_months.commitment_id = used_costs.commitment_id
            and commitment_months.billing_month = used_costs.billing_month

),

shares as (
    {{ focus_shares(
        'idle_bearers', ['commitment_id', 'billing_month'], ['cost_center_id']
    ) }}
),

priced as (

    select
        *,
        {{ focus_part('unused_cost') }} as exact_cost,
        {{ focus_part('unused_units') }} as units,
        {{ focus_part('1') }} as share_ratio,
        coalesce(
            {{ focus_unit_price('used_contracted_cost', 'used_units') }},
            {{ focus_unit_price('unused_cost', 'unused_units') }}
        ) as contracted_unit_price,
        {{ focus_unit_price('used_list_cost', 'used_units') }} as list_unit_price
    from shares

),

charges as (

    select
        *,
        'unused_capacity' as charge_family,
        'committed' as pricing_mode,
        provider_id || '.' || model_id || '.provisioned_throughput' as sku_id,
        commitment_id || '.unit_hour' as sku_price_id,
        'Provisioned Throughput' as sku_meter,
        'Unused' as commitment_status,
        case when bearers > 1 then 'capacity_share' else 'direct' end
            as allocation_method,
        case when bearers > 1 then cost_center_id end as allocated_resource_id,
        case when bearers > 1 then share_ratio end as allocated_ratio,
        commitment_id || '.' || cast(billing_month as varchar) as origin_charge_id,
        'Usage' as charge_category,
        'Usage-Based' as charge_frequency,
        model_id || ' provisioned throughput unused' as charge_description,
        'Committed' as pricing_category,
        case when is_hourly_capacity then 'Unit Hours' else 'Tokens' end
            as pricing_unit,
        units as pricing_quantity,
        units as commitment_quantity,
        {{ focus_cost('units', 'contracted_unit_price') }} as contracted_cost,
        {{ focus_cost(
            'units', 'coalesce(list_unit_price, contracted_unit_price)'
        ) }} as list_cost,
        case when list_unit_price is null then 'MissingListPrice' end
            as source_changes,
        exact_cost as effective_cost,
        0 as billed_cost,
        starts_at as charge_period_start,
        ends_at as charge_period_end
    from priced

),

final as (

    select
        {{ focus_charge_columns(absent=[
            'invoice_detail_id', 'invoice_line_id', 'reference_invoice_id',
            'token_class', 'region_id', 'application_id', 'component_id',
            'contributing_team_id', 'environment', 'residual_class', 'principal_id',
            'credential_id', 'charge_class', 'consumed_unit', 'pricing_currency',
            'service_name', 'service_category', 'service_subcategory',
            'consumed_quantity', 'pricing_currency_list_unit_price',
            'pricing_currency_contracted_unit_price', 'pricing_currency_effective_cost',
            'on_demand_equivalent_cost', 'attempt_count', 'billing_period_start',
            'billing_period_end', 'billing_currency', 'invoice_issuer_name',
            'service_provider_name', 'host_provider_name',
        ]) }}
    from charges

)

select * from final
