with

cost_report as (
    select * from {{ ref('stg_anthropic_billing__cost_report') }}
),

hashed as (

    select
        *,
        coalesce(_loaded_at, ending_at) as arrived_at,
        -- The report counts in hundredths of the currency.
        cast(
            try_cast(amount as numeric(38, 12)) * cast(0.01 as decimal(3, 2))
            as numeric(38, 12)
        ) as billed_cost,
        {{ dbt.hash(
            "coalesce(cast(" ~ epoch_microseconds('starting_at') ~ " as varchar), '')"
            ~ " || '|' || coalesce(organization_id, '')"
            ~ " || '|' || coalesce(workspace_id, '')"
            ~ " || '|' || coalesce(cost_type, '') || '|' || coalesce(model, '')"
            ~ " || '|' || coalesce(token_type, '') || '|' || coalesce(context_window, '')"
            ~ " || '|' || coalesce(service_tier, '')"
            ~ " || '|' || coalesce(description, '')"
            ~ " || '|' || coalesce(inference_geo, '')"
        ) }} as record_id
    from cost_report

),

fingerprinted as (

    select
        *,
        {{ record_fingerprint(['ending_at', 'currency', 'billed_cost']) }}
            as content_hash
    from hashed

),

first_seen as (

    select
        *,
        min(arrived_at) over (partition by record_id, content_hash) as first_arrived_at
    from fingerprinted

),

renamed as (

    select
        {{ dbt.hash("'anthropic_billing|anthropic||' || record_id") }}
            as invoice_line_id,
        -- A bucket that is read again with another amount is its next version.
        dense_rank() over (partition by record_id order by first_arrived_at)
            as version_no,
        'anthropic_billing' as source_name,
        record_id as source_record_id,
        'anthropic' as provider_id,
        'Anthropic' as invoice_issuer_name,
        'Anthropic' as service_provider_name,
        'Anthropic' as host_provider_name,
        organization_id as billing_account_id,
        coalesce(workspace_id, 'default') as sub_account_id,
        model as model_billed,
        inference_geo as region_id,
        'provisional' as document_type,
        'Usage' as charge_category,
        'Usage-Based' as charge_frequency,
        description as charge_description,
        'AI and Machine Learning' as service_category,
        'Generative AI' as service_subcategory,
        cost_type || coalesce(' ' || context_window, '') as sku_meter,
        case token_type
            when 'uncached_input_tokens' then 'input_uncached'
            when 'output_tokens' then 'output'
            when 'cache_read_input_tokens' then 'cache_read'
            when 'cache_creation.ephemeral_5m_input_tokens' then 'cache_write_5m'
            when 'cache_creation.ephemeral_1h_input_tokens' then 'cache_write_1h'
        end as token_class,
        case service_tier
            when 'standard' then 'on_demand'
            when 'batch' then 'batch'
            when 'priority' then 'priority'
            when 'flex' then 'flex'
        end as pricing_mode,
        upper(currency) as billing_currency,
        'Workspace' as sub_account_type,
        {{ named_findings({'UnreadableBilledCost': 'billed_cost is null'}) }}
            as source_changes,
        billed_cost,
        true as is_estimated,
        starting_at as charge_period_start,
        ending_at as charge_period_end,
        arrived_at as ingested_at,
        content_hash as record_hash
    from first_seen

),

final as (

    select
        {{- invoice_line_columns(absent=[
            'invoice_id', 'invoice_detail_id', 'reference_invoice_id', 'api_key_hash',
            'resource_id', 'sku_id', 'sku_price_id', 'commitment_id',
            'capacity_reservation_id', 'charge_class', 'service_name',
            'pricing_category', 'pricing_unit', 'consumed_unit', 'commitment_category',
            'commitment_type', 'commitment_status', 'commitment_unit',
            'capacity_reservation_status', 'pricing_currency', 'billing_account_name',
            'billing_account_type', 'sub_account_name', 'resource_name',
            'resource_type', 'region_name', 'sku_price_details', 'tags',
            'pricing_quantity', 'pricing_unit_scale', 'consumed_quantity',
            'commitment_quantity', 'list_unit_price', 'contracted_unit_price',
            'list_cost', 'contracted_cost', 'effective_cost', 'billing_period_start',
            'billing_period_end', 'issued_at',
        ]) }}
    from renamed

)

select * from final
