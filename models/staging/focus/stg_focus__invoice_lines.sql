with

charges as (
    select * from {{ ref('stg_focus__charges') }}
),

-- Only what is provisional is expected to change; an invoice must say that it does.
versioned as (

    select
        *,
        coalesce(
            x_versionno,
            case
                when document_type = 'provisional'
                    then dense_rank() over (
                        partition by record_id, document_type order by first_arrived_at
                    )
            end,
            1
        ) as version_no
    from charges

),

renamed as (

    select
        {{ dbt.hash(
            "'focus|' || coalesce(invoiceissuername, '') || '|'"
            ~ " || coalesce(invoiceid, '') || '|' || record_id"
        ) }} as invoice_line_id,
        version_no,
        'focus' as source_name,
        record_id as source_record_id,
        invoiceid as invoice_id,
        invoicedetailid as invoice_detail_id,
        x_referenceinvoiceid as reference_invoice_id,
        lower(coalesce(sold_by, invoiceissuername)) as provider_id,
        invoiceissuername as invoice_issuer_name,
        sold_by as service_provider_name,
        coalesce(hostprovidername, sold_by) as host_provider_name,
        billingaccountid as billing_account_id,
        subaccountid as sub_account_id,
        coalesce(detail_model, detail_model_id) as model_billed,
        resourceid as resource_id,
        regionid as region_id,
        skuid as sku_id,
        skupriceid as sku_price_id,
        commitmentdiscountid as commitment_id,
        capacityreservationid as capacity_reservation_id,
        document_type,
        chargecategory as charge_category,
        chargeclass as charge_class,
        chargefrequency as charge_frequency,
        chargedescription as charge_description,
        servicecategory as service_category,
        servicesubcategory as service_subcategory,
        servicename as service_name,
        skumeter as sku_meter,
        token_class,
        pricing_mode,
        pricingcategory as pricing_category,
        pricingunit as pricing_unit,
        consumedunit as consumed_unit,
        commitmentdiscountcategory as commitment_category,
        commitmentdiscounttype as commitment_type,
        commitmentdiscountstatus as commitment_status,
        commitmentdiscountunit as commitment_unit,
        capacityreservationstatus as capacity_reservation_status,
        upper(billingcurrency) as billing_currency,
        pricingcurrency as pricing_currency,
        billingaccountname as billing_account_name,
        billingaccounttype as billing_account_type,
        subaccountname as sub_account_name,
        subaccounttype as sub_account_type,
        resourcename as resource_name,
        resourcetype as resource_type,
        regionname as region_name,
        skupricedetails as sku_price_details,
        -- Some exports put addresses into their tags.
        {{ replace_pattern('tags', '"[^"]*@[^"]*"', '"masked"') }} as tags,
        {{ named_findings({
            'UnreadableBilledCost': 'billedcost is null',
            'MissingBillingCurrency': 'billingcurrency is null',
            'MissingListCost': 'listcost is null',
            'MissingContractedCost': 'contractedcost is null',
            'MissingEffectiveCost': 'effectivecost is null',
            'InvalidEffectiveCost': "chargecategory = 'Purchase'"
                ~ " and commitmentdiscountid is not null and effectivecost <> 0",
            'ContractedCostLessThanEffectiveCost': "contractedcost < effectivecost",
            'EmptyPricingCategory': "chargecategory in ('Usage', 'Purchase')"
                ~ " and coalesce(chargeclass, '') <> 'Correction'"
                ~ " and pricingcategory is null",
            'MissingConsumedQuantity': "chargecategory = 'Usage'"
                ~ " and coalesce(chargeclass, '') <> 'Correction'"
                ~ " and coalesce(commitmentdiscountstatus, '') <> 'Unused'"
                ~ " and consumedquantity is null",
        }) }} as source_changes,
        pricingquantity as pricing_quantity,
        case when pricingunit is not null then {{ unit_scale('pricingunit') }} end
            as pricing_unit_scale,
        consumedquantity as consumed_quantity,
        commitmentdiscountquantity as commitment_quantity,
        listunitprice as list_unit_price,
        contractedunitprice as contracted_unit_price,
        listcost as list_cost,
        contractedcost as contracted_cost,
        effectivecost as effective_cost,
        billedcost as billed_cost,
        document_type = 'provisional' as is_estimated,
        billingperiodstart as billing_period_start,
        billingperiodend as billing_period_end,
        chargeperiodstart as charge_period_start,
        chargeperiodend as charge_period_end,
        x_issuedat as issued_at,
        arrived_at as ingested_at,
        content_hash as record_hash
    from versioned

),

final as (
    select {{- invoice_line_columns(absent=['api_key_hash']) }}
    from renamed
)

select * from final
