with

charges as (
    select * from {{ ref('int_focus_charges') }}
),

final as (

    select
        {{ focus_dataset_columns(model.columns) }}
    from charges

)

select * from final
