{{ config(materialized='table') }}

with

usage as (
    select * from {{ ref('int_focus_usage_priced') }}
    where not is_covered
),

described as (

    select
        *,
        provider_id || '.' || model_id || '.' || token_class as sku_id,
        {{ focus_meter('token_class') }} as sku_meter,
        case
            when billed_class = 'other_meters' then replace(token_class, '_', ' ')
            else 'Tokens'
        end as unit_name,
        {{ focus_cost('units', 'contracted_unit_price') }} as known_cost,
        {{ focus_cost('units', 'list_unit_price') }} as known_list_cost,
        coalesce(list_currency, contracted_currency) = contracted_currency
            as is_one_currency
    from usage

),

-- An amount is never null in FOCUS: tokens without a price stand with 0, those without
-- a list price have what they cost as list cost, and both say so.
charges as (

    select
        * exclude (pricing_mode),
        'metered' as charge_family,
        price_mode as pricing_mode,
        coalesce(price_row_id, sku_id || '.UNPRICED') as sku_price_id,
        'Usage' as charge_category,
        'Usage-Based' as charge_frequency,
        model_id || ' ' || sku_meter || case
            when pricing_mode = 'committed_spill'
                then ', spilled from committed capacity'
            else ''
        end as charge_description,
        'Standard' as pricing_category,
        unit_name as pricing_unit,
        unit_name as consumed_unit,
        units as pricing_quantity,
        units as consumed_quantity,
        'direct' as allocation_method,
        coalesce(known_cost, 0) as contracted_cost,
        coalesce(known_cost, 0) as billed_cost,
        coalesce(known_cost, 0) as effective_cost,
        coalesce(known_list_cost, known_cost, 0) as list_cost,
        case when is_one_currency then contracted_currency else billing_currency end
            as pricing_currency,
        case when is_one_currency then list_price else list_unit_price end
            as pricing_currency_list_unit_price,
        case when is_one_currency then contracted_price else contracted_unit_price end
            as pricing_currency_contracted_unit_price,
        case
            when is_one_currency then {{ focus_cost('units', 'contracted_price') }}
            else known_cost
        end as pricing_currency_effective_cost,
        attempts as attempt_count,
        cast(attempt_date as timestamp) as charge_period_start,
        cast({{ dbt.dateadd('day', 1, 'attempt_date') }} as timestamp)
            as charge_period_end,
        {{ named_findings({
            'MissingPrice': 'known_cost is null',
            'MissingListPrice': 'known_list_cost is null',
        }) }} as source_changes
    from described

),

final as (

    select
        {{ focus_charge_columns(absent=[
            'invoice_detail_id', 'invoice_line_id', 'reference_invoice_id',
            'commitment_id', 'commitment_status', 'allocated_resource_id',
            'origin_charge_id', 'residual_class', 'charge_class', 'service_name',
            'service_category', 'service_subcategory', 'commitment_quantity',
            'on_demand_equivalent_cost', 'allocated_ratio', 'billing_period_start',
            'billing_period_end', 'billing_currency', 'invoice_issuer_name',
            'service_provider_name', 'host_provider_name',
        ]) }}
    from charges

)

select * from final
