{{ config(materialized='table') }}

with

shares as (
    select * from {{ ref('int_focus_capacity_shares') }}
),

measured as (

    select
        *,
        {{ focus_cost('tokens', 'contracted_token_price') }} as on_demand_cost,
        {{ focus_cost('tokens', 'list_token_price') }} as on_demand_list_cost
    from shares

),

charges as (

    select
        *,
        'used_capacity' as charge_family,
        'committed' as pricing_mode,
        provider_id || '.' || model_id || '.provisioned_throughput' as sku_id,
        commitment_id || '.unit_hour' as sku_price_id,
        'Provisioned Throughput' as sku_meter,
        'Used' as commitment_status,
        'direct' as allocation_method,
        'Usage' as charge_category,
        'Usage-Based' as charge_frequency,
        model_id || ' provisioned throughput used' as charge_description,
        'Committed' as pricing_category,
        case when is_hourly_capacity then 'Unit Hours' else 'Tokens' end
            as pricing_unit,
        'Tokens' as consumed_unit,
        units as pricing_quantity,
        units as commitment_quantity,
        tokens as consumed_quantity,
        {{ focus_unit_price('on_demand_cost', 'units') }}
            as contracted_unit_price,
        {{ focus_unit_price('on_demand_list_cost', 'units') }}
            as list_unit_price,
        coalesce(on_demand_cost, used_cost) as contracted_cost,
        coalesce(on_demand_list_cost, on_demand_cost, used_cost) as list_cost,
        on_demand_cost as on_demand_equivalent_cost,
        used_cost as effective_cost,
        0 as billed_cost,
        cast(attempt_date as timestamp) as charge_period_start,
        cast({{ dbt.dateadd('day', 1, 'attempt_date') }} as timestamp)
            as charge_period_end,
        {{ named_findings({
            'MissingPrice': 'on_demand_cost is null',
            'MissingListPrice': 'on_demand_list_cost is null',
        }) }} as source_changes
    from measured

),

final as (

    select
        {{ focus_charge_columns(absent=[
            'invoice_detail_id', 'invoice_line_id', 'reference_invoice_id',
            'allocated_resource_id', 'origin_charge_id', 'residual_class',
            'charge_class', 'pricing_currency', 'service_name', 'service_category',
            'service_subcategory', 'pricing_currency_list_unit_price',
            'pricing_currency_contracted_unit_price', 'pricing_currency_effective_cost',
            'allocated_ratio', 'billing_period_start', 'billing_period_end',
            'billing_currency', 'invoice_issuer_name', 'service_provider_name',
            'host_provider_name',
        ]) }}
    from charges

)

select * from final
