with

cost_lines as (
    select * from {{ ref('fct_cost_lines') }}
    where
        line_side <> 'provider_clearing'
        and not is_memo
),

published as (

    select
        usage_month,
        sum(amount_usd) as published_usd
    from cost_lines
    where posting_month = usage_month
    group by usage_month

),

restated as (

    select
        usage_month,
        posting_month,
        restatement_cause,
        sum(amount_usd) as amount_usd,
        sum(case when amount_usd > 0 then amount_usd else 0 end) as increase_usd,
        sum(case when amount_usd < 0 then amount_usd else 0 end) as decrease_usd,
        count(*) as cost_lines
    from cost_lines
    where posting_month > usage_month
    group by usage_month, posting_month, restatement_cause

),

final as (

    select
        restated.usage_month,
        restated.posting_month,
        restated.restatement_cause,
        cast(restated.amount_usd as numeric(38, 12)) as amount_usd,
        cast(restated.increase_usd as numeric(38, 12)) as increase_usd,
        cast(restated.decrease_usd as numeric(38, 12)) as decrease_usd,
        cast(restated.cost_lines as bigint) as cost_lines,
        cast(coalesce(published.published_usd, 0) as numeric(38, 12)) as published_usd,
        cast(
            coalesce(published.published_usd, 0) + sum(restated.amount_usd) over (
                partition by restated.usage_month
                order by restated.posting_month
                range between unbounded preceding and current row
            ) as numeric(38, 12)
        ) as restated_usd
    from restated
    left join published
        on restated.usage_month = published.usage_month

)

select * from final
