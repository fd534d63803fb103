{#- Where our cost of a call differs from the gateway's own number, by the first cause.

    dbt show --select compare_with_gateway_cost --limit -1

    The gateway's number is evidence and never posted. `equal` is listed, too, so that the
    attempts add up; `price_difference` is what no other cause explains. -#}
with

differences as (
    select * from {{ ref('int_gateway_differences') }}
    where cause <> 'not_reported_by_gateway'
),

final as (

    select
        cause,
        provider_id,
        sum(attempts) as attempts,
        cast(sum(contracted_cost_usd) as decimal(38, 12)) as contracted_cost_usd,
        cast(sum(gateway_reported_cost_usd) as decimal(38, 12))
            as gateway_reported_cost_usd,
        cast(sum(difference_usd) as decimal(38, 12)) as difference_usd,
        cast(sum(unpriced_exposure_usd) as decimal(38, 12)) as unpriced_exposure_usd
    from differences
    group by cause, provider_id

)

select * from final
order by attempts desc, cause asc, provider_id asc
