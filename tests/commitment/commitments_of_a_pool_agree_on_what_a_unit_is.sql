-- Commitments that run in one pool at the same time serve the same tokens by the same
-- weights and rules: otherwise a unit of the pool would not be one thing. A token
-- package runs alone.
with

pool_hours as (

    select
        pool_id,
        capacity_hour,
        count(*) as commitments,
        {%- for column in [
            'provider_id', 'model_id', 'commitment_type', 'billing_time_zone',
            'throughput_tokens_per_unit_hour', 'output_weight', 'cache_read_weight',
            'headroom_ratio', 'spill_charging', 'idle_rule', 'excess_idle_rule',
        ] %}
        count(distinct {{ column }}) as {{ column }}_values,
        {%- endfor %}
        max(commitment_type) as commitment_type
    from {{ ref('int_commitment_hours') }}
    where is_in_force
    group by pool_id, capacity_hour

),

final as (

    select
        pool_id,
        min(capacity_hour) as first_hour
    from pool_hours
    where
        {%- for column in [
            'provider_id', 'model_id', 'commitment_type', 'billing_time_zone',
            'throughput_tokens_per_unit_hour', 'output_weight', 'cache_read_weight',
            'headroom_ratio', 'spill_charging', 'idle_rule', 'excess_idle_rule',
        ] %}
        {{ column }}_values > 1 or
        {%- endfor %}
        (commitment_type = 'token_package' and commitments > 1)
    group by pool_id

)

select * from final
