with

outcomes as (
    select * from {{ ref('stg_business__outcomes') }}
    where {{ is_known('ingested_at') }}
),

latest_versions as (

    select *
    from outcomes
    where case_key is not null
    qualify row_number() over (
        partition by outcome_id
        order by version_no desc, ingested_at desc
    ) = 1

),

-- Success net of reversals: a case that was completed and taken back has not succeeded.
final as (

    select
        outcome_type,
        case_key,
        min(outcome_id) as outcome_id,
        sum(
            case
                when event_type = 'reversed' then -1
                when is_successful then 1
                else 0
            end
        ) > 0 as is_successful
    from latest_versions
    group by outcome_type, case_key

)

select * from final
