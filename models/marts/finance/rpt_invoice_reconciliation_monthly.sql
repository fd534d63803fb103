with

entries as (
    select * from {{ ref('int_reconciliation_entries') }}
),

accounts as (
    {{ latest_rows(ref('billing_accounts'), 'billing_account_id') }}
),

above_tolerance as (
    select distinct
        residuals.billing_account_id,
        residuals.billing_month
    from {{ ref('int_residuals_classified') }} as residuals
    inner join {{ ref('int_value_steps') }} as steps
        on residuals.step_id = steps.step_id
    where steps.is_newest and residuals.is_above_tolerance
),

summed as (

    select
        billing_month,
        billing_account_id,
        model_id,
        token_class,
        {%- for entry in ['rated', 'invoiced'] + residual_classes() %}
        coalesce(
            sum(case when entry_name = '{{ entry }}' then amount_usd end), 0
        ) as {{ entry }}_usd,
        {%- endfor %}
        sum(case when entry_name = 'rated' then units end) as rated_units,
        sum(case when entry_name = 'invoiced' then units end) as invoiced_units
    from entries
    group by billing_month, billing_account_id, model_id, token_class

),

final as (

    select
        summed.billing_month as month, -- noqa: RF04
        summed.billing_account_id,
        summed.model_id,
        summed.token_class,
        accounts.billing_currency,
        case
            when summed.invoiced_usd = 0 and summed.rated_usd <> 0 then 'no_invoice'
            when summed.rated_usd = 0 and summed.invoiced_usd <> 0 then 'no_telemetry'
            when summed.invoiced_usd = summed.rated_usd then 'agrees'
            else 'differs'
        end as reconciliation_status,
        cast(summed.rated_units as numeric(38, 0)) as rated_units,
        cast(summed.invoiced_units as numeric(38, 0)) as invoiced_units,
        cast(summed.rated_usd as numeric(38, 12)) as rated_usd,
        cast(summed.invoiced_usd as numeric(38, 12)) as invoiced_usd,
        cast(summed.invoiced_usd - summed.rated_usd as numeric(38, 12)) as residual_usd,
        {%- for class in residual_classes() %}
        cast(summed.{{ class }}_usd as numeric(38, 12)) as {{ class }}_usd,
        {%- endfor %}
        above_tolerance.billing_account_id is not null as is_above_tolerance
    from summed
    left join accounts
        on summed.billing_account_id = accounts.billing_account_id
    left join above_tolerance
        on
            summed.billing_account_id = above_tolerance.billing_account_id
            and summed.billing_month = above_tolerance.billing_month

)

select * from final
