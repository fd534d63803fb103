with

costs as (
    select * from {{ ref('stg_openai_billing__costs') }}
),

typed as (

    select
        *,
        {{ dbt.dateadd('second', 'start_time', "cast('1970-01-01' as timestamp)") }}
            as bucket_start,
        {{ dbt.dateadd('second', 'end_time', "cast('1970-01-01' as timestamp)") }}
            as bucket_end,
        try_cast(amount_value as numeric(38, 12)) as amount,
        try_cast(quantity as numeric(38, 12)) as units,
        lower(trim(split_part(coalesce(line_item, ''), ',', 2))) as meter,
        {{ unit_scale('quantity_unit') }} as unit_scale
    from costs

),

hashed as (

    select
        *,
        coalesce(_loaded_at, bucket_end) as arrived_at,
        {{ dbt.hash(
            "coalesce(cast(start_time as varchar), '')"
            ~ " || '|' || coalesce(organization_id, '')"
            ~ " || '|' || coalesce(project_id, '') || '|' || coalesce(user_id, '')"
            ~ " || '|' || coalesce(api_key_id, '') || '|' || coalesce(line_item, '')"
        ) }} as record_id,
        {{ record_fingerprint([
            'end_time', 'amount', 'amount_currency', 'units', 'quantity_unit',
        ]) }} as content_hash
    from typed

),

first_seen as (

    select
        *,
        min(arrived_at) over (partition by record_id, content_hash) as first_arrived_at
    from hashed

),

renamed as (

    select
        {{ dbt.hash("'openai_billing|openai||' || record_id") }} as invoice_line_id,
        -- A bucket that is read again with another amount is its next version.
        dense_rank() over (partition by record_id order by first_arrived_at)
            as version_no,
        'openai_billing' as source_name,
        record_id as source_record_id,
        'openai' as provider_id,
        'OpenAI' as invoice_issuer_name,
        'OpenAI' as service_provider_name,
        'OpenAI' as host_provider_name,
        organization_id as billing_account_id,
        project_id as sub_account_id,
        nullif(trim(split_part(coalesce(line_item, ''), ',', 1)), '') as model_billed,
        api_key_id as resource_id,
        'provisional' as document_type,
        'Usage' as charge_category,
        'Usage-Based' as charge_frequency,
        line_item as charge_description,
        'AI and Machine Learning' as service_category,
        'Generative AI' as service_subcategory,
        line_item as sku_meter,
        case meter
            when 'input_tokens' then 'input_uncached'
            when 'input_uncached_tokens' then 'input_uncached'
            when 'input_cached_tokens' then 'cache_read'
            when 'input_cache_write_tokens' then 'cache_write_5m'
            when 'output_tokens' then 'output'
        end as token_class,
        case
            when {{ matches_pattern('lower(line_item)', '.*[ ,_(]batch.*') }}
                then 'batch'
        end as pricing_mode,
        quantity_unit as pricing_unit,
        -- Thousands are counted singly; other units stay what they are.
        case
            when units is not null and unit_scale > 1
                then replace(quantity_unit, '1000_', '')
            else quantity_unit
        end as consumed_unit,
        upper(amount_currency) as billing_currency,
        case when project_id is not null then 'Project' end as sub_account_type,
        case when api_key_id is not null then 'API Key' end as resource_type,
        {{ named_findings({
            'UnreadableBilledCost': 'amount is null',
            'UnreadableQuantity': 'units is null and quantity is not null',
        }) }} as source_changes,
        units as pricing_quantity,
        case when quantity_unit is not null then unit_scale end as pricing_unit_scale,
        cast(units * unit_scale as numeric(38, 12)) as consumed_quantity,
        amount as billed_cost,
        true as is_estimated,
        bucket_start as charge_period_start,
        bucket_end as charge_period_end,
        arrived_at as ingested_at,
        content_hash as record_hash
    from first_seen

),

final as (

    select
        {{- invoice_line_columns(absent=[
            'invoice_id', 'invoice_detail_id', 'reference_invoice_id', 'api_key_hash',
            'region_id', 'sku_id', 'sku_price_id', 'commitment_id',
            'capacity_reservation_id', 'charge_class', 'service_name',
            'pricing_category', 'commitment_category', 'commitment_type',
            'commitment_status', 'commitment_unit', 'capacity_reservation_status',
            'pricing_currency', 'billing_account_name', 'billing_account_type',
            'sub_account_name', 'resource_name', 'region_name', 'sku_price_details',
            'tags', 'commitment_quantity', 'list_unit_price', 'contracted_unit_price',
            'list_cost', 'contracted_cost', 'effective_cost', 'billing_period_start',
            'billing_period_end', 'issued_at',
        ]) }}
    from renamed

)

select * from final
