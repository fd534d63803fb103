{{ config(materialized='table') }}

{%- set grain = [
    'charge_family', 'bill_id', 'billing_account_id', 'business_unit_id', 'region_id',
    'application_id', 'component_id', 'contributing_team_id', 'environment', 'sku_id',
    'sku_price_id', 'token_class', 'pricing_mode', 'pricing_category', 'commitment_id',
    'commitment_status', 'allocation_method', 'allocated_resource_id',
    'origin_charge_id', 'residual_class', 'charge_category', 'charge_class',
    'invoice_line_id', 'charge_description', 'charge_period_start', 'billing_period_start',
    'list_unit_price', 'contracted_unit_price',
] -%}

with

charges as (
    select * from {{ ref('int_focus_charges_named') }}
),

applications as (
    {{ latest_rows(ref('applications'), 'application_id') }}
),

cost_centers as (
    {{ latest_rows(ref('cost_centers'), 'cost_center_id') }}
),

commitments as (
    {{ latest_rows(ref('commitments'), 'commitment_id') }}
),

resourced as (

    select
        charges.*,
        commitments.commitment_type,
        charges.allocation_method <> 'direct' as is_allocated,
        -- The commitment is what is bought or lies idle, the application what uses it.
        charges.charge_family in ('commitment_purchase', 'unused_capacity')
            as is_commitment,
        coalesce(applications.application_name, charges.application_id)
            as application_name,
        allocated_applications.application_name as allocated_application_name,
        allocated_cost_centers.cost_center_name as allocated_cost_center_name
    from charges
    left join applications
        on charges.application_id = applications.application_id
    left join applications as allocated_applications
        on charges.allocated_resource_id = allocated_applications.application_id
    left join cost_centers as allocated_cost_centers
        on charges.allocated_resource_id = allocated_cost_centers.cost_center_id
    left join commitments
        on charges.commitment_id = commitments.commitment_id

),

final as (

    select
        * exclude (commitment_id, sku_meter, origin_charge_id, allocated_resource_id),
        {{ dbt.hash(
            "coalesce(cast("
            ~ grain | join(" as varchar), '') || '|' || coalesce(cast(")
            ~ " as varchar), '')"
        ) }} as charge_id,
        business_unit_id as sub_account_id,
        business_unit_id as sub_account_name,
        'Business Unit' as sub_account_type,
        case when is_commitment then commitment_id else application_id end
            as resource_id,
        case when is_commitment then commitment_id else application_name end
            as resource_name,
        case
            when is_commitment then 'Commitment'
            when application_id is not null then 'Application'
        end as resource_type,
        case when sku_id is not null then coalesce(sku_meter, sku_id) end as sku_meter,
        case
            when sku_price_id is not null
                then {{ flat_json({
                    'x_ModelDeveloper': 'model_developer',
                    'x_ModelFamily': 'model_family',
                    'x_ModelId': 'model_id',
                    'x_TokenDirection': focus_token_direction("case when charge_family = 'metered' then token_class end"),
                    'x_TokenCacheAction': focus_token_cache_action("case when charge_family = 'metered' then token_class end"),
                    'x_ServiceTier': 'pricing_mode',
                }) }}
        end as sku_price_details,
        {{ flat_json({
            'application': 'application_id',
            'component': 'component_id',
            'contributing_team': 'contributing_team_id',
            'environment': 'environment',
        }) }} as tags,
        commitment_id as commitment_discount_id,
        commitment_id as commitment_discount_name,
        case
            when commitment_id is null then null
            when commitment_type = 'spend_commitment' then 'Spend'
            else 'Usage'
        end as commitment_discount_category,
        case
            when commitment_id is null then null
            when commitment_type = 'spend_commitment' then 'Minimum Spend'
            when commitment_type = 'token_package' then 'Token Package'
            when commitment_type = 'self_hosted_gpu' then 'Self-Hosted Capacity'
            else 'Provisioned Throughput'
        end as commitment_discount_type,
        commitment_status as commitment_discount_status,
        commitment_quantity as commitment_discount_quantity,
        case
            when commitment_quantity is not null
                then coalesce(pricing_unit, 'Unit Hours')
        end as commitment_discount_unit,
        case when is_allocated then allocation_method end as allocated_method_id,
        case
            when is_allocated
                then
                    '{"Elements":[{"AllocatedRatio":'
                    || cast(allocated_ratio as varchar) || '}]}'
        end as allocated_method_details,
        allocated_resource_id,
        coalesce(
            allocated_application_name,
            allocated_cost_center_name,
            allocated_resource_id
        ) as allocated_resource_name,
        {{ flat_json({
            'application':
                'case when allocated_application_name is not null'
                ~ ' then allocated_resource_id end',
            'cost_center':
                'case when allocated_application_name is null'
                ~ ' then allocated_resource_id end',
        }) }} as allocated_tags,
        case when is_allocated then origin_charge_id end as origin_charge_id,
        -- Every charge of a model's provider so far; shared cost has no provider here.
        'model_inference' as cost_dimension,
        cast(null as varchar) as availability_zone,
        cast(null as varchar) as capacity_reservation_id,
        cast(null as varchar) as capacity_reservation_status,
        cast(null as varchar) as commitment_program_eligibility_details,
        cast(null as varchar) as contract_applied,
        region_id as region_name,
        service_provider_name as provider_name
    from resourced

)

select * from final
