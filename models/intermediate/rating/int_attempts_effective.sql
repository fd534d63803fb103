with

attempts as (
    select * from {{ ref('int_attempts_owned') }}
),

true_ups as (
    select * from {{ ref('int_true_ups') }}
    where target_parts <> rated_parts
),

capacity_rates as (
    select * from {{ ref('int_capacity_rates') }}
),

-- A committed call costs its part of the capacity that was bought, whatever else used
-- it; any other call what the invoice makes of its price.
final as (

    select
        attempts.*,
        cast(
            case
                when attempts.billing_status = 'not_billable'
                    then attempts.contracted_cost_usd
                when
                    attempts.pricing_mode = 'committed'
                    then case
                        when attempts.billing_status = 'billable'
                            then {{ prorated_usd(
                                'capacity_rates.rate_cost_usd',
                                weighted_tokens('attempts', 'capacity_rates'),
                                'capacity_rates.rate_weighted_tokens',
                            ) }}
                    end
                when true_ups.true_up_id is not null
                    then {{ scaled_usd(
                        'attempts.contracted_cost_usd',
                        'true_ups.target_parts',
                        'true_ups.rated_parts',
                    ) }}
                else attempts.contracted_cost_usd
            end as decimal(38, 12)
        ) as effective_cost_usd
    from attempts
    left join true_ups
        on
            attempts.billing_account_id = true_ups.billing_account_id
            and attempts.billing_month = true_ups.billing_month
            and attempts.model_id = true_ups.model_id
            and attempts.price_mode = true_ups.price_mode
    left join capacity_rates
        on
            attempts.commitment_pool_id = capacity_rates.pool_id
            and {{ dbt.date_trunc('hour', 'attempts.started_at') }}
            = capacity_rates.capacity_hour

)

select * from final
