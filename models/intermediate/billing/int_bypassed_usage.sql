with

newest_steps as (
    select step_id
    from {{ ref('int_value_steps') }}
    where is_newest
),

residuals as (
    select residuals.*
    from {{ ref('int_residuals_classified') }} as residuals
    inner join newest_steps
        on residuals.step_id = newest_steps.step_id
),

bill_lines as (
    select bill_lines.*
    from {{ ref('int_invoice_lines_stepped') }} as bill_lines
    inner join newest_steps
        on bill_lines.step_id = newest_steps.step_id
    where bill_lines.line_kind = 'bypass'
),

bypassed as (

    select
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode,
        coalesce(token_class, 'NONE') as token_class,
        case when count(*) = count(consumed_units) then sum(consumed_units) end
            as billed_units,
        sum(billed_cost_usd) as invoiced_usd
    from bill_lines
    group by
        billing_account_id,
        billing_month,
        model_id,
        pricing_mode,
        coalesce(token_class, 'NONE')

),

-- Quantity that went past the gateway at the card's price; what the bill asks beyond it
-- is a difference of price.
final as (

    select
        bypassed.*,
        coalesce(
            {{ scaled_usd(
                'residuals.rated_at_booked_rate_usd',
                'bypassed.billed_units',
                'residuals.rated_units',
            ) }},
            bypassed.invoiced_usd
        ) as bypass_usd
    from bypassed
    left join residuals
        on
            bypassed.billing_account_id = residuals.billing_account_id
            and bypassed.billing_month = residuals.billing_month
            and bypassed.model_id = residuals.model_id
            and bypassed.pricing_mode = residuals.price_mode
            and bypassed.token_class = residuals.token_class

)

select * from final
