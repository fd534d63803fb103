with

models as (
    {{ latest_rows(ref('models'), 'model_id') }}
),

logged as (
    select distinct model_id
    from {{ ref('fct_attempts') }}
),

ids as (

    select model_id from models
    union distinct
    select model_id from logged
    union distinct
    select 'UNKNOWN' as model_id

),

final as (

    select
        ids.model_id,
        coalesce(models.model_name, ids.model_id) as model_name,
        models.model_family,
        models.model_developer,
        models.model_tier,
        cast(models.context_window_tokens as bigint) as context_window_tokens,
        cast(models.retires_at as timestamp) as retires_at,
        models.model_id is not null as is_known
    from ids
    left join models
        on ids.model_id = models.model_id

)

select * from final
