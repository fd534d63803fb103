with

commitment_hours as (
    select * from {{ ref('int_commitment_hours') }}
),

months as (
    select * from {{ ref('int_capacity_months_known') }}
),

horizon as (
    select * from {{ ref('int_capacity_horizon') }}
),

-- One row per commitment, hour and month of knowledge in which it was believed.
final as (

    select
        commitment_hours.*,
        months.known_month,
        months.is_newest,
        cast(
            commitment_hours.quantity * commitment_hours.throughput_tokens_per_unit_hour
            as numeric(38, 6)
        ) as weighted_tokens_bought
    from commitment_hours
    inner join months
        on
            commitment_hours.pool_id = months.pool_id
            and commitment_hours.billing_month = months.billing_month
            and commitment_hours.known_from_at <= months.known_until_at
            and (
                commitment_hours.known_until_at > months.known_until_at
                or commitment_hours.is_in_force
            )
    inner join horizon
        on commitment_hours.capacity_hour < horizon.ends_at

)

select * from final
