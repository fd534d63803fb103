with

attempts as (
    select * from {{ ref('fct_attempts') }}
),

final as (

    select
        attempt_id,
        application_id,
        cost_center_id,
        workflow_id,
        billing_account_id,
        provider_id,
        model_id,
        deployment_id,
        commitment_pool_id,
        pricing_mode,
        status,
        error_class,
        billing_status,
        input_uncached_tokens,
        cache_read_tokens,
        cache_write_5m_tokens,
        cache_write_1h_tokens,
        output_tokens,
        input_audio_tokens,
        output_audio_tokens,
        input_image_tokens,
        contracted_cost_usd,
        effective_cost_usd,
        started_at,
        attempt_date,
        billing_month,
        known_month
    from attempts
    where is_cost_bearing

)

select * from final
