{{ config(materialized='table') }}

with

residuals as (
    select * from {{ ref('int_focus_residuals') }}
),

metered_charges as (
    select * from {{ ref('int_focus_metered_charges') }}
),

months as (
    select * from {{ ref('int_focus_months') }}
),

consumers as (

    select
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode,
        business_unit_id,
        application_id,
        cast(sum(billed_cost) * 1000000 as decimal(38, 0)) as weight
    from metered_charges
    group by
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode,
        business_unit_id,
        application_id
    having sum(billed_cost) * 1000000 >= 1

),

-- Only what may be spread meets the consumers; the rest stays with the member that
-- keeps it.
borne as (

    select
        residuals.*,
        coalesce(months.provider_id, 'UNKNOWN') as provider_id,
        months.month_starts_at as charge_period_start,
        months.month_ends_at as charge_period_end,
        consumers.application_id,
        coalesce(
            residuals.kept_by, consumers.business_unit_id, 'UNALLOCATED'
        ) as business_unit_id,
        coalesce(consumers.weight, 1) as weight
    from residuals
    inner join months
        on
            residuals.billing_account_id = months.billing_account_id
            and residuals.billing_month = months.billing_month
    left join consumers
        on
            residuals.kept_by is null
            and residuals.billing_account_id = consumers.billing_account_id
            and residuals.billing_month = consumers.billing_month
            and residuals.model_id = consumers.model_id
            and residuals.pricing_mode = consumers.pricing_mode

),

shares as (
    {{ focus_shares(
        'borne',
        [
            'bill_id', 'billing_account_id', 'billing_month', 'model_id', 'pricing_mode',
            'token_class', 'residual_class', "coalesce(kept_by, '')",
        ],
        ["coalesce(application_id, '')", 'business_unit_id'],
    ) }}
),

parts as (

    select
        *,
        {{ focus_part('amount') }} as part,
        {{ focus_part('1') }} as share_ratio
    from shares

),

charges as (

    select
        *,
        'true_up' as charge_family,
        provider_id || '.' || model_id || '.' || token_class as sku_id,
        {{ focus_meter('token_class') }} as sku_meter,
        case when bearers > 1 then 'pro_rata_cost' else 'direct' end
            as allocation_method,
        case when bearers > 1 then coalesce(application_id, business_unit_id) end
            as allocated_resource_id,
        case when bearers > 1 then share_ratio end as allocated_ratio,
        {{ dbt.hash(
            "bill_id || '|' || billing_account_id || '|' || cast(billing_month as varchar)"
            ~ " || '|' || model_id || '|' || pricing_mode || '|' || token_class"
            ~ " || '|' || residual_class || '|' || coalesce(kept_by, '')"
        ) }} as origin_charge_id,
        'Adjustment' as charge_category,
        'One-Time' as charge_frequency,
        'Invoice true-up: ' || replace(residual_class, '_', ' ') as charge_description,
        part as list_cost,
        part as contracted_cost,
        part as effective_cost,
        part as billed_cost
    from parts

),

final as (

    select
        {{ focus_charge_columns(absent=[
            'invoice_detail_id', 'invoice_line_id', 'reference_invoice_id',
            'sku_price_id', 'region_id', 'component_id', 'contributing_team_id',
            'environment', 'commitment_id', 'commitment_status', 'principal_id',
            'credential_id', 'charge_class', 'pricing_category', 'pricing_unit',
            'consumed_unit', 'pricing_currency', 'service_name', 'service_category',
            'service_subcategory', 'source_changes', 'pricing_quantity',
            'consumed_quantity', 'commitment_quantity', 'list_unit_price',
            'contracted_unit_price', 'pricing_currency_list_unit_price',
            'pricing_currency_contracted_unit_price', 'pricing_currency_effective_cost',
            'on_demand_equivalent_cost', 'attempt_count', 'billing_period_start',
            'billing_period_end', 'billing_currency', 'invoice_issuer_name',
            'service_provider_name', 'host_provider_name',
        ]) }}
    from charges

)

select * from final
