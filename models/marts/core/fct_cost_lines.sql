{%- set line = [
    'billing_account_id', 'bill_id', 'model_id', 'commitment_id', 'line_type',
    'application_id', 'contributing_team_id', 'cost_center_id',
] -%}
{%- set valued_line = 'ledger_values.' ~ line | join(',\n        ledger_values.') -%}

with

ledger_values as (
    select * from {{ ref('int_ledger_values') }}
),

steps as (
    select * from {{ ref('int_value_steps') }}
),

rules as (
    select * from {{ ref('int_posting_rules') }}
),

commitments as (
    {{ latest_rows(ref('commitments'), 'commitment_id') }}
),

-- Each step posts what it says more, or less, than the step before it: all postings
-- together are the newest value, and what a closed month posted never changes.
said as (

    select
        steps.usage_month,
        steps.posting_month,
        steps.cause,
        {{ valued_line }},
        ledger_values.amount_usd
    from ledger_values
    inner join steps
        on ledger_values.step_id = steps.step_id
    union all
    select
        next_steps.usage_month,
        next_steps.posting_month,
        next_steps.cause,
        {{ valued_line }},
        -ledger_values.amount_usd as amount_usd
    from ledger_values
    inner join steps
        on ledger_values.step_id = steps.step_id
    inner join steps as next_steps
        on
            steps.usage_month = next_steps.usage_month
            and steps.step_no + 1 = next_steps.step_no

),

consumed as (

    select
        usage_month,
        posting_month,
        cause,
        {{ line | join(',\n        ') }},
        case when line_type = 'prepaid' then 'prepaid' else 'consumer' end as line_side,
        sum(amount_usd) as amount_usd
    from said
    group by
        usage_month,
        posting_month,
        cause,
        {{ line | join(',\n        ') }}
    having sum(amount_usd) <> 0

),

-- The other side of every journal: what is owed to the provider.
cleared as (

    select
        usage_month,
        posting_month,
        cause,
        billing_account_id,
        bill_id,
        'UNKNOWN' as model_id,
        cast(null as varchar) as commitment_id,
        'clearing' as line_type,
        'UNREGISTERED' as application_id,
        cast(null as varchar) as contributing_team_id,
        'PROVIDER_CLEARING' as cost_center_id,
        'provider_clearing' as line_side,
        -sum(amount_usd) as amount_usd
    from consumed
    group by usage_month, posting_month, cause, billing_account_id, bill_id
    having sum(amount_usd) <> 0

),

posted as (

    select * from consumed
    union all
    select * from cleared

),

final as (

    select
        {{ dbt.hash(
            "cast(posted.posting_month as varchar) || '|'"
            ~ " || cast(posted.usage_month as varchar) || '|' || posted.cause || '|'"
            ~ " || posted.bill_id || '|' || posted.billing_account_id || '|'"
            ~ " || posted.model_id || '|' || coalesce(posted.commitment_id, '') || '|'"
            ~ " || posted.line_type || '|' || posted.application_id || '|'"
            ~ " || coalesce(posted.contributing_team_id, '') || '|'"
            ~ " || posted.cost_center_id"
        ) }} as cost_line_id,
        {{ dbt.hash(
            "cast(posted.posting_month as varchar) || '|'"
            ~ " || cast(posted.usage_month as varchar) || '|' || posted.cause || '|'"
            ~ " || posted.bill_id || '|' || posted.billing_account_id"
        ) }} as journal_id,
        posted.billing_account_id,
        posted.bill_id as invoice_id,
        posted.application_id,
        posted.cost_center_id,
        posted.contributing_team_id,
        posted.model_id,
        posted.commitment_id,
        coalesce(rules.allocation_rule_id, 'NONE') as allocation_rule_id,
        'model_inference' as cost_dimension,
        case
            when
                posted.posting_month > posted.usage_month
                and posted.line_side = 'consumer'
                then 'prior_period'
            else posted.line_type
        end as line_type,
        posted.line_type as charge_line_type,
        posted.line_side,
        case
            when posted.posting_month = posted.usage_month then null
            when
                posted.posting_month > cast({{ dbt.dateadd(
                    'month', var('restatement_window_months'), 'posted.usage_month'
                ) }} as date)
                then 'beyond_window'
            else posted.cause
        end as restatement_cause,
        cast(posted.amount_usd as numeric(38, 12)) as amount_usd,
        false as is_memo,
        posted.bill_id like 'estimated:%' or posted.bill_id like 'provisional:%'
            as is_estimated,
        posted.posting_month,
        posted.usage_month
    from posted
    left join commitments
        on posted.commitment_id = commitments.commitment_id
    left join rules
        on
            posted.usage_month = rules.usage_month
            and posted.posting_month = rules.posting_month
            and rules.pool_name = case
                when posted.line_type = 'unattributed' then 'unattributed'
                when posted.commitment_id is not null then commitments.pool_id
                else 'inference'
            end

)

select * from final
