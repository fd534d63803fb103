{{ config(
    materialized='incremental',
    incremental_strategy='replace_outdated',
    unique_key='billing_month',
    meta={'versions': 'int_billing_months'},
    on_schema_change='fail'
) }}

{%- set months = changed_dates(ref('int_billing_months'), 'billing_month')
    if is_incremental() else [] %}

with

usage as (
    select * from {{ ref('int_usage_stepped') }}
    {%- if is_incremental() %}
    where {{ falls_on_dates('cast(billing_month as timestamp)', months) }}
    {%- endif %}
),

billing_months as (
    select * from {{ ref('int_billing_months') }}
),

summed as (

    select
        step_id,
        billing_account_id,
        provider_id,
        model_id,
        price_mode,
        billing_month,
        billing_date,
        cast({{ dbt.date_trunc('month', 'attempt_date') }} as date) as utc_month,
        {%- for token_class in priced_token_classes() %}
        sum({{ token_class }}_tokens) as {{ token_class }}_tokens,
        sum({{ token_class }}_rated_usd) as {{ token_class }}_rated_usd,
        {%- endfor %}
        sum(other_meters_rated_usd) as other_meters_rated_usd
    from usage
    group by
        step_id,
        billing_account_id,
        provider_id,
        model_id,
        price_mode,
        billing_month,
        billing_date,
        cast({{ dbt.date_trunc('month', 'attempt_date') }} as date)

),

by_class as (

    {% for token_class in priced_token_classes() -%}
    select
        step_id,
        billing_account_id,
        provider_id,
        model_id,
        price_mode,
        billing_month,
        billing_date,
        utc_month,
        '{{ token_class }}' as token_class,
        {{ token_class }}_tokens as units,
        {{ token_class }}_rated_usd as rated_usd
    from summed
    where {{ token_class }}_tokens > 0
    union all
    {% endfor -%}
    select
        step_id,
        billing_account_id,
        provider_id,
        model_id,
        price_mode,
        billing_month,
        billing_date,
        utc_month,
        'other_meters' as token_class,
        null as units,
        other_meters_rated_usd as rated_usd
    from summed
    where other_meters_rated_usd <> 0

),

final as (

    select
        by_class.step_id,
        by_class.billing_account_id,
        by_class.provider_id,
        by_class.model_id,
        by_class.price_mode,
        by_class.billing_month,
        by_class.billing_date,
        by_class.utc_month,
        by_class.token_class,
        cast(by_class.units as decimal(38, 0)) as units,
        cast(coalesce(by_class.rated_usd, 0) as decimal(38, 12)) as rated_usd,
        billing_months.inputs_version
    from by_class
    inner join billing_months
        on by_class.billing_month = billing_months.billing_month

)

select * from final
