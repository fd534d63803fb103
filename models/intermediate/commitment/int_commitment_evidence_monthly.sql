with

commitment_hours as (
    select * from {{ ref('int_commitment_hours') }}
    where is_in_force and is_hourly_capacity
),

commitments as (
    select * from {{ ref('int_commitments_known') }}
    where is_in_force and is_hourly_capacity
),

attempts as (
    select * from {{ ref('int_capacity_attempts') }}
    where commitment_pool_id is not null
),

workflows as (
    {{ known_rows(ref('workflows'), ['workflow_id']) }}
),

models as (
    {{ latest_rows(ref('models'), 'model_id') }}
),

policy as (
    select * from {{ ref('int_capacity_policy') }}
),

months as (

    select
        pool_id,
        commitment_id,
        valid_from_at,
        known_from_at,
        billing_month,
        min(capacity_hour) as first_hour,
        max(capacity_hour) as last_hour
    from commitment_hours
    group by pool_id, commitment_id, valid_from_at, known_from_at, billing_month

),

termed as (

    select
        months.pool_id,
        months.billing_month,
        months.first_hour,
        months.last_hour,
        commitments.term_end_at,
        cast({{ dbt.dateadd(
            'day', '-commitments.notice_days', 'commitments.term_end_at'
        ) }} as date) as notice_date,
        cast({{ dbt.dateadd(
            'hour',
            dbt.datediff('commitments.term_start_at', 'commitments.term_end_at', 'hour'),
            'commitments.term_end_at'
        ) }} as timestamp) as renewed_until_at,
        commitments.model_id,
        commitments.forecast_owner,
        commitments.forecast_owner_cost_center_id,
        commitments.forecast_version_id,
        commitments.forecast_error_ratio,
        min(months.first_hour) over (partition by months.pool_id) as first_hour_of_pool,
        row_number() over (
            partition by months.pool_id, months.billing_month
            order by
                commitments.total_price_usd desc,
                commitments.term_start_at desc,
                months.commitment_id asc
        ) as size_rank
    from months
    inner join commitments
        on
            months.commitment_id = commitments.commitment_id
            and months.valid_from_at = commitments.valid_from_at
            and months.known_from_at = commitments.known_from_at

),

-- A pool is batchable when every workflow that calls it can wait.
patience as (

    select
        attempts.commitment_pool_id as pool_id,
        attempts.billing_month,
        min(
            case
                when
                    workflows.is_batchable
                    and workflows.latency_target_hours >= policy.batch_latency_hours
                    then 1
                else 0
            end
        ) = 1 as is_batchable
    from attempts
    cross join policy
    left join workflows
        on
            attempts.workflow_id = workflows.workflow_id
            and attempts.started_at >= workflows.valid_from_at
            and attempts.started_at < workflows.valid_until_at
    group by attempts.commitment_pool_id, attempts.billing_month

),

-- The largest commitment of the pool's month names owner and forecast.
final as (

    select
        termed.pool_id,
        termed.billing_month,
        max(case when termed.size_rank = 1 then termed.forecast_owner end)
            as forecast_owner,
        max(
            case
                when termed.size_rank = 1 then termed.forecast_owner_cost_center_id
            end
        ) as forecast_owner_cost_center_id,
        max(case when termed.size_rank = 1 then termed.forecast_version_id end)
            as forecast_version_id,
        max(case when termed.size_rank = 1 then termed.forecast_error_ratio end)
            as forecast_error_ratio,
        min(termed.notice_date) as notice_date,
        cast(min(termed.term_end_at) as date) as expiry_date,
        cast(
            {{ dbt.datediff(
                'min(termed.first_hour_of_pool)', 'max(termed.last_hour)', 'day'
            ) }} + 1 as bigint
        ) as history_days,
        max(case when models.model_id is null then 0 else 1 end) = 1 as is_model_known,
        min(
            case when models.retires_at < termed.renewed_until_at then 0 else 1 end
        ) = 1 as is_model_lasting,
        min(models.retires_at) as model_retires_at,
        coalesce(max(case when patience.is_batchable then 1 else 0 end) = 1, false)
            as is_batchable,
        max(policy.forecast_error_limit_ratio) as forecast_error_limit_ratio,
        max(policy.minimum_history_days) as minimum_history_days,
        max(policy.utilization_definition_version) as utilization_definition_version
    from termed
    cross join policy
    left join models
        on termed.model_id = models.model_id
    left join patience
        on
            termed.pool_id = patience.pool_id
            and termed.billing_month = patience.billing_month
    group by termed.pool_id, termed.billing_month

)

select * from final
