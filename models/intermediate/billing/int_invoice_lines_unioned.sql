with

-- A source that is not active is empty, so every connector stands here, active or not.
unioned as (
    {%- for source_name in ['focus', 'openai_billing', 'anthropic_billing'] %}
    select * from {{ ref('stg_' ~ source_name ~ '__invoice_lines') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select *
    from unioned
    where {{ is_known("coalesce(ingested_at, cast('1900-01-01' as timestamp))") }}
)

select * from final
