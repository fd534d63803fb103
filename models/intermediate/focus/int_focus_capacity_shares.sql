{{ config(materialized='table') }}

with

usage as (
    select * from {{ ref('int_focus_usage_priced') }}
    where is_covered
),

commitment_months as (
    select
        *,
        coalesce(
            sum(used_weighted_tokens) over (
                partition by pool_id, billing_month
                order by commitment_id
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as used_before,
        sum(used_weighted_tokens) over (partition by pool_id, billing_month)
            as used_in_pool
    from {{ ref('int_focus_commitment_months') }}
),

-- A pool's commitments share every row by what was used of each, in whole tokens.
shared as (

    select
        usage.attempt_date,
        usage.billing_month,
        usage.provider_id,
        usage.model_id,
        usage.price_id,
        usage.volume_from_units,
        usage.region_id,
        usage.business_unit_id,
        usage.application_id,
        usage.component_id,
        usage.contributing_team_id,
        usage.environment,
        usage.token_class,
        usage.credential_id,
        usage.principal_id,
        usage.list_unit_price as list_token_price,
        usage.contracted_unit_price as contracted_token_price,
        commitment_months.commitment_id,
        commitment_months.billing_account_id,
        commitment_months.bill_id,
        commitment_months.is_hourly_capacity,
        commitment_months.used_cost,
        commitment_months.used_units,
        case when commitment_months.used_before = 0 then usage.attempts end
            as attempt_count,
        {{ whole_quotient(
            'cast(usage.units as decimal(38, 0)) * cast((commitment_months.used_before'
            ~ ' + commitment_months.used_weighted_tokens) * 1000 as decimal(38, 0))',
            'cast(commitment_months.used_in_pool * 1000 as decimal(38, 0))',
        ) }} - {{ whole_quotient(
            'cast(usage.units as decimal(38, 0))'
            ~ ' * cast(commitment_months.used_before * 1000 as decimal(38, 0))',
            'cast(commitment_months.used_in_pool * 1000 as decimal(38, 0))',
        ) }} as tokens,
        case
            when usage.token_class in ('output', 'output_audio')
                then commitment_months.output_weight
            when usage.token_class = 'cache_read'
                then commitment_months.cache_read_weight
            else 1
        end as token_weight
    from usage
    inner join commitment_months
        on
            usage.commitment_pool_id = commitment_months.pool_id
            and usage.billing_month = commitment_months.billing_month
    where commitment_months.used_in_pool > 0

),

weighed as (

    select
        *,
        cast(tokens * token_weight * 1000 as decimal(38, 0)) as weight
    from shared
    where tokens <> 0

),

shares as (
    {{ focus_shares(
        'weighed',
        ['commitment_id', 'billing_month'],
        [
            'attempt_date', 'application_id', 'business_unit_id', 'token_class',
            'price_id', "coalesce(component_id, '')",
            "coalesce(contributing_team_id, '')", 'environment',
            "coalesce(region_id, '')", 'coalesce(volume_from_units, 0)',
        ],
    ) }}
),

-- Rows add up to what was used of the commitment, in money and in units.
final as (

    select
        shares.* exclude (
            used_cost, used_units, token_weight, weight, weight_total,
            weight_until_row, bearers
        ),
        {{ focus_part('shares.used_cost') }} as used_cost,
        {{ focus_part('shares.used_units') }} as units
    from shares

)

select * from final
