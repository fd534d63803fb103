{{ config(materialized='table') }}

with

lines as (
    select * from {{ ref('int_focus_invoice_lines_borne') }}
),

-- A part of a line has no quantity of its own.
measured as (

    select
        *,
        category in ('Usage', 'Purchase') and bearers = 1 as is_priced,
        coalesce(contracted_cost * amount_sign, payable_cost) as line_contracted_cost,
        coalesce(list_cost * amount_sign, contracted_cost * amount_sign, payable_cost)
            as line_list_cost,
        cast(pricing_quantity as decimal(20, 6))
        * cast(contracted_unit_price as decimal(18, 12)) as priced_contracted_cost,
        cast(pricing_quantity as decimal(20, 6))
        * cast(list_unit_price as decimal(18, 12)) as priced_list_cost
    from lines

),

-- A bill's price is kept where it explains the cost beside it.
charges as (

    select
        case
            when is_covering then 'commitment_purchase'
            when line_kind = 'bypass' then 'true_up'
            when line_kind in ('credit', 'tax', 'correction')
                then 'credit_tax_correction'
            else 'invoice_only'
        end as charge_family,
        bill_id,
        invoice_detail_id,
        invoice_line_id,
        reference_invoice_id,
        billing_account_id,
        provider_id,
        model_id,
        pricing_mode,
        token_class,
        case
            when category <> 'Tax'
                then coalesce(
                    sku_id, provider_id || '.' || model_id || '.' || token_class
                )
        end as sku_id,
        case
            when category in ('Usage', 'Purchase') then coalesce(sku_price_id, sku_id)
        end as sku_price_id,
        case
            when category <> 'Tax'
                then coalesce(
                    {{ focus_meter('token_class') }}, sku_meter, charge_description
                )
        end as sku_meter,
        region_id,
        business_unit_id,
        case when application_id <> 'UNREGISTERED' then application_id end
            as application_id,
        api_key_hash as credential_id,
        commitment_id,
        case
            when bearers = 1 then 'direct'
            when line_kind = 'bypass' then 'fixed'
            else 'pro_rata_cost'
        end as allocation_method,
        case
            when bearers > 1
                then coalesce(
                    case when application_id <> 'UNREGISTERED' then application_id end,
                    cost_center_id,
                    business_unit_id
                )
        end as allocated_resource_id,
        case when bearers > 1 then {{ focus_part('1') }} end as allocated_ratio,
        invoice_line_id || '.' || cast(version_no as varchar) as origin_charge_id,
        case
            when line_kind = 'bypass' then 'bypass'
            when line_kind = 'unmapped' and category = 'Adjustment'
                then 'unexplained_quantity'
        end as residual_class,
        category as charge_category,
        case when charge_class = 'Correction' then 'Correction' end as charge_class,
        case
            when category = 'Usage' then 'Usage-Based'
            when category <> 'Purchase' then 'One-Time'
            when charge_frequency = 'One-Time' then 'One-Time'
            else 'Recurring'
        end as charge_frequency,
        coalesce(charge_description, model_id || ' ' || line_kind, line_kind)
            as charge_description,
        case
            when category not in ('Usage', 'Purchase') then null
            when pricing_category in ('Dynamic', 'Other') then pricing_category
            else 'Standard'
        end as pricing_category,
        case when is_priced and pricing_quantity is not null then pricing_unit end
            as pricing_unit,
        case when category = 'Usage' and bearers = 1 then consumed_unit end
            as consumed_unit,
        -- ISO 4217 has a word for no currency, which FOCUS would not leave out.
        coalesce(billing_currency, 'XXX') as billing_currency,
        invoice_issuer_name,
        service_provider_name,
        host_provider_name,
        service_name,
        service_category,
        service_subcategory,
        source_changes,
        case when is_priced and pricing_unit is not null then pricing_quantity end
            as pricing_quantity,
        case when category = 'Usage' and bearers = 1 then consumed_quantity end
            as consumed_quantity,
        case
            when is_priced and category = 'Purchase' and commitment_id is not null
                then coalesce(commitment_quantity, pricing_quantity)
        end as commitment_quantity,
        {%- for price in ['list', 'contracted'] %}
        case
            when
                is_priced
                and abs(priced_{{ price }}_cost - line_{{ price }}_cost) * 1000000000
                <= abs(line_{{ price }}_cost)
                then {{ price }}_unit_price
        end as {{ price }}_unit_price,
        {%- endfor %}
        {{ focus_part('line_list_cost') }} as list_cost,
        {{ focus_part('line_contracted_cost') }} as contracted_cost,
        case when is_covering then 0 else {{ focus_part('payable_cost') }} end
            as effective_cost,
        {{ focus_part('payable_cost') }} as billed_cost,
        usage_month as billing_month,
        billing_period_start,
        billing_period_end,
        coalesce(charge_period_start, billing_period_start) as charge_period_start,
        coalesce(charge_period_end, billing_period_end) as charge_period_end
    from measured

),

final as (

    select
        {{ focus_charge_columns(absent=[
            'component_id', 'contributing_team_id', 'environment', 'commitment_status',
            'principal_id', 'pricing_currency', 'pricing_currency_list_unit_price',
            'pricing_currency_contracted_unit_price', 'pricing_currency_effective_cost',
            'on_demand_equivalent_cost', 'attempt_count',
        ]) }}
    from charges

)

select * from final
