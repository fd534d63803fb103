with

metered_lines as (
    select
        *,
        case
            when token_class in (
                {%- for token_class in priced_token_classes() %}
                '{{ token_class }}'{{ ',' if not loop.last }}
                {%- endfor %}
            ) then token_class
            else 'other_meters'
        end as billed_class,
        {{ dbt.datediff(
            'charge_period_start', 'charge_period_end', 'hour'
        ) }} > 25 as is_longer_than_a_day -- noqa: LT05
    from {{ ref('int_invoice_lines_stepped') }}
    where line_kind = 'metered'
),

-- A key that is billed by the day is compared by the day, any other by the month.
bucketed as (

    select
        metered_lines.*,
        case
            when max(
                case when metered_lines.is_longer_than_a_day then 1 else 0 end
            ) over (
                partition by
                    metered_lines.step_id,
                    metered_lines.billing_account_id,
                    metered_lines.billing_month,
                    metered_lines.model_id,
                    metered_lines.pricing_mode,
                    metered_lines.billed_class
            ) = 1 then metered_lines.billing_month
            else metered_lines.billing_date
        end as bucket_date,
        max(case when metered_lines.is_longer_than_a_day then 1 else 0 end) over (
            partition by
                metered_lines.step_id,
                metered_lines.billing_account_id,
                metered_lines.billing_month,
                metered_lines.model_id,
                metered_lines.pricing_mode,
                metered_lines.billed_class
        ) = 0 as is_billed_by_day
    from metered_lines

),

final as (

    select
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode as price_mode,
        billed_class as token_class,
        bucket_date,
        is_billed_by_day,
        -- A meter's quantity is searches or seconds, never a sum of both.
        cast(
            case
                when billed_class <> 'other_meters' and count(*) = count(consumed_units)
                    then sum(consumed_units)
            end as decimal(38, 0)
        ) as billed_units,
        cast(sum(billed_cost_usd) as decimal(38, 12)) as billed_usd,
        count(*) as invoice_lines,
        sum(whole_cent_lines) as whole_cent_lines,
        min(charge_period_start) as starts_at,
        max(charge_period_end) as ends_at
    from bucketed
    group by
        step_id,
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode,
        billed_class,
        bucket_date,
        is_billed_by_day

)

select * from final
