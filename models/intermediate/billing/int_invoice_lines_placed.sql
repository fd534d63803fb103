with

lines as (
    select * from {{ ref('int_invoice_lines_unioned') }}
),

accounts as (
    {{ known_rows(ref('billing_accounts'), ['billing_account_id']) }}
),

model_aliases as (
    {{ known_rows(ref('model_aliases'), ['source_name', 'alias']) }}
),

rates as (
    select * from {{ ref('fx_rates') }}
    where to_currency = 'USD' and {{ is_known('recorded_at') }}
    qualify row_number() over (
        partition by from_currency, rate_date, rate_type order by recorded_at desc
    ) = 1
),

monthly_rates as (

    select
        from_currency,
        rate_date,
        max(case when rate_type = 'booked' then rate end) as booked_rate,
        max(case when rate_type = 'month_avg' then rate end) as month_rate
    from rates
    where rate_type in ('booked', 'month_avg')
    group by from_currency, rate_date

),

billed_models as (

    select
        source_name,
        model_billed,
        charge_period_start
    from lines
    where model_billed is not null
    group by source_name, model_billed, charge_period_start

),

-- The alias of the source goes before the one for any source.
resolved_models as (

    select
        billed_models.source_name,
        billed_models.model_billed,
        billed_models.charge_period_start,
        model_aliases.model_id
    from billed_models
    inner join model_aliases
        on
            billed_models.model_billed = model_aliases.alias
            and model_aliases.source_name in ('*', billed_models.source_name)
            and billed_models.charge_period_start >= model_aliases.valid_from_at
            and billed_models.charge_period_start < model_aliases.valid_until_at
    qualify row_number() over (
        partition by
            billed_models.source_name,
            billed_models.model_billed,
            billed_models.charge_period_start
        order by
            case when model_aliases.source_name = '*' then 2 else 1 end asc,
            model_aliases.recorded_at desc
    ) = 1

),

-- The provider cuts its days and months in the account's time zone.
zoned as (

    select
        lines.*,
        accounts.billing_account_id is not null as is_account_known,
        accounts.provider_id as account_provider_id,
        accounts.billing_currency as account_currency,
        coalesce(resolved_models.model_id, lines.model_billed) as model_id,
        {{ between_time_zones(
            'coalesce(lines.billing_period_start, lines.charge_period_start)',
            "'UTC'",
            "coalesce(accounts.billing_time_zone, 'UTC')"
        ) }} as local_period_start,
        {{ between_time_zones(
            'lines.charge_period_start',
            "'UTC'",
            "coalesce(accounts.billing_time_zone, 'UTC')"
        ) }} as local_charge_start
    from lines
    left join accounts
        on
            lines.billing_account_id = accounts.billing_account_id
            and coalesce(lines.billing_period_start, lines.charge_period_start)
            >= accounts.valid_from_at
            and coalesce(lines.billing_period_start, lines.charge_period_start)
            < accounts.valid_until_at
    left join resolved_models
        on
            lines.source_name = resolved_models.source_name
            and lines.model_billed = resolved_models.model_billed
            and lines.charge_period_start = resolved_models.charge_period_start

),

dated as (

    select
        *,
        cast(date_trunc('month', local_period_start) as date) as billing_month,
        cast(local_charge_start as date) as billing_date,
        cast(date_trunc('month', local_charge_start) as date) as usage_month,
        coalesce(local_period_start, cast('1900-01-01' as timestamp))
        >= cast('2020-01-01' as timestamp)
        and coalesce(local_charge_start, cast('1900-01-01' as timestamp))
        >= cast('2020-01-01' as timestamp)
        and local_period_start < cast('2100-01-01' as timestamp)
        and local_charge_start < cast('2100-01-01' as timestamp) as is_time_readable
    from zoned

),

final as (

    select
        dated.*,
        case
            when dated.billing_currency = 'USD' then cast(1 as numeric(18, 6))
            else coalesce(monthly_rates.booked_rate, monthly_rates.month_rate)
        end as booked_rate,
        coalesce(dated.billing_currency, 'USD') <> 'USD'
        and monthly_rates.booked_rate is null
        and monthly_rates.month_rate is not null as is_fx_provisional,
        -- The first reason that holds, of those that a line shows by itself.
        case
            when
                dated.billing_account_type = 'API Key'
                and dated.consumed_unit = 'Requests'
                and dated.invoice_id is null
                then 'TELEMETRY_NOT_INVOICE'
            when dated.billed_cost is null then 'AMOUNT_PARSE'
            when not dated.is_time_readable then 'TS_RANGE'
            when dated.billing_currency <> dated.account_currency
                then 'CURRENCY_MISMATCH'
        end as own_reason
    from dated
    left join monthly_rates
        on
            dated.billing_currency = monthly_rates.from_currency
            and dated.billing_month = monthly_rates.rate_date

)

select * from final
