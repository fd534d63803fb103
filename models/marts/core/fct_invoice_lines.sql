with

lines as (
    select * from {{ ref('int_invoice_lines_identified') }}
    where line_status = 'final'
),

-- A credit that came with a positive sign counts against the account in every cost.
signed as (

    select
        * exclude (list_cost, contracted_cost, effective_cost, billed_cost),
        cast(list_cost * amount_sign as numeric(38, 12)) as list_cost,
        cast(contracted_cost * amount_sign as numeric(38, 12)) as contracted_cost,
        cast(effective_cost * amount_sign as numeric(38, 12)) as effective_cost,
        payable_cost as billed_cost
    from lines

),

final as (

    select
        cast(invoice_line_id as varchar) as invoice_line_id,
        cast(version_no as bigint) as version_no,
        cast(source_name as varchar) as source_name,
        cast(source_record_id as varchar) as source_record_id,
        cast(invoice_id as varchar) as invoice_id,
        cast(invoice_detail_id as varchar) as invoice_detail_id,
        cast(reference_invoice_id as varchar) as reference_invoice_id,
        cast(provider_id as varchar) as provider_id,
        cast(invoice_issuer_name as varchar) as invoice_issuer_name,
        cast(service_provider_name as varchar) as service_provider_name,
        cast(host_provider_name as varchar) as host_provider_name,
        cast(billing_account_id as varchar) as billing_account_id,
        cast(sub_account_id as varchar) as sub_account_id,
        cast(api_key_hash as varchar) as api_key_hash,
        cast(model_id as varchar) as model_id,
        cast(model_billed as varchar) as model_billed,
        cast(resource_id as varchar) as resource_id,
        cast(region_id as varchar) as region_id,
        cast(sku_id as varchar) as sku_id,
        cast(sku_price_id as varchar) as sku_price_id,
        cast(commitment_id as varchar) as commitment_id,
        cast(capacity_reservation_id as varchar) as capacity_reservation_id,
        cast(document_type as varchar) as document_type,
        cast(charge_category as varchar) as charge_category,
        cast(charge_class as varchar) as charge_class,
        cast(charge_frequency as varchar) as charge_frequency,
        cast(charge_description as varchar) as charge_description,
        cast(service_category as varchar) as service_category,
        cast(service_subcategory as varchar) as service_subcategory,
        cast(service_name as varchar) as service_name,
        cast(sku_meter as varchar) as sku_meter,
        cast(token_class as varchar) as token_class,
        cast(pricing_mode as varchar) as pricing_mode,
        cast(pricing_category as varchar) as pricing_category,
        cast(pricing_unit as varchar) as pricing_unit,
        cast(consumed_unit as varchar) as consumed_unit,
        cast(commitment_category as varchar) as commitment_category,
        cast(commitment_type as varchar) as commitment_type,
        cast(commitment_status as varchar) as commitment_status,
        cast(commitment_unit as varchar) as commitment_unit,
        cast(capacity_reservation_status as varchar) as capacity_reservation_status,
        cast(billing_currency as varchar) as billing_currency,
        cast(pricing_currency as varchar) as pricing_currency,
        cast(billing_account_name as varchar) as billing_account_name,
        cast(billing_account_type as varchar) as billing_account_type,
        cast(sub_account_name as varchar) as sub_account_name,
        cast(sub_account_type as varchar) as sub_account_type,
        cast(resource_name as varchar) as resource_name,
        cast(resource_type as varchar) as resource_type,
        cast(region_name as varchar) as region_name,
        cast(sku_price_details as varchar) as sku_price_details,
        cast(tags as varchar) as tags,
        cast(source_changes as varchar) as source_changes,
        cast(quality_flags as varchar) as quality_flags,
        cast(pricing_quantity as numeric(38, 12)) as pricing_quantity,
        cast(pricing_unit_scale as bigint) as pricing_unit_scale,
        cast(consumed_quantity as numeric(38, 12)) as consumed_quantity,
        cast(consumed_units as numeric(38, 12)) as consumed_units,
        cast(commitment_quantity as numeric(38, 12)) as commitment_quantity,
        cast(list_unit_price as numeric(38, 12)) as list_unit_price,
        cast(contracted_unit_price as numeric(38, 12)) as contracted_unit_price,
        list_cost,
        contracted_cost,
        effective_cost,
        cast(billed_cost as numeric(38, 12)) as billed_cost,
        cast(booked_rate as numeric(18, 6)) as booked_rate,
        cast(list_cost * booked_rate as numeric(38, 12)) as list_cost_usd,
        cast(contracted_cost * booked_rate as numeric(38, 12)) as contracted_cost_usd,
        cast(effective_cost * booked_rate as numeric(38, 12)) as effective_cost_usd,
        cast(billed_cost_usd as numeric(38, 12)) as billed_cost_usd,
        cast(is_estimated as boolean) as is_estimated,
        cast(is_fx_provisional as boolean) as is_fx_provisional,
        cast(billing_month as date) as billing_month,
        cast(billing_date as date) as billing_date,
        cast(usage_month as date) as usage_month,
        cast(known_month as date) as known_month,
        cast(billing_period_start as timestamp) as billing_period_start,
        cast(billing_period_end as timestamp) as billing_period_end,
        cast(charge_period_start as timestamp) as charge_period_start,
        cast(charge_period_end as timestamp) as charge_period_end,
        cast(issued_at as timestamp) as issued_at,
        cast(ingested_at as timestamp) as ingested_at
    from signed

)

select * from final
