{{ config(materialized='table') }}

with

ranked as (
    select * from {{ ref('int_invoice_lines_ranked') }}
),

periods as (
    select * from {{ ref('int_posting_periods') }}
),

judged as (

    select
        *,
        document_type = 'credit_memo' and billed_cost > 0 as is_positive_credit,
        case
            when copy_number > 1 then 'duplicate'
            when next_version_at is not null then 'superseded'
            when own_reason is not null then 'quarantined'
            when final_known_at is not null then 'superseded'
            when contradicted_at is not null then 'quarantined'
            when
                document_type = 'credit_memo'
                and billed_cost > 0
                and invoice_known_at is null
                then 'quarantined'
            else 'final'
        end as line_status
    from ranked

),

signed as (

    select
        *,
        cast(
            case
                when is_positive_credit and invoice_known_at is not null then -1
                else 1
            end as bigint
        ) as amount_sign,
        -- A credit whose sign needs its invoice counts once the invoice is known.
        case
            when is_positive_credit and invoice_known_at > ingested_at
                then invoice_known_at
            else ingested_at
        end as known_from_at,
        case
            when line_status <> 'quarantined' then null
            when own_reason is not null then own_reason
            when contradicted_at is not null then 'CONFLICT_VERSION'
            else 'CREDIT_SIGN'
        end as quarantine_reason,
        not is_usable
        or (is_positive_credit and invoice_known_at is null) as is_never_in_force,
        least(
            coalesce(next_version_at, cast('9999-12-31' as timestamp)),
            coalesce(final_known_at, cast('9999-12-31' as timestamp)),
            coalesce(contradicted_at, cast('9999-12-31' as timestamp))
        ) as replaced_at
    from judged

),

valued as (

    select
        *,
        case
            when is_never_in_force then known_from_at
            else greatest(replaced_at, known_from_at)
        end as known_until_at,
        cast(billed_cost * amount_sign as numeric(38, 12)) as payable_cost,
        -- A commitment's hours beside its tokens are not counted as tokens.
        case
            when consumed_quantity is not null
                then cast(
                    consumed_quantity * {{ unit_scale('consumed_unit') }}
                    as numeric(38, 12)
                )
            when lower(pricing_unit) like '%token%'
                then cast(pricing_quantity * pricing_unit_scale as numeric(38, 12))
        end as consumed_units
    from signed

),

dated as (

    select
        valued.*,
        arrival.posting_month as known_month,
        replacement.posting_month as replaced_in_month
    from valued
    left join periods as arrival
        on
            valued.known_from_at > arrival.known_after_at
            and valued.known_from_at <= arrival.known_until_at
    left join periods as replacement
        on
            valued.known_until_at < cast('9999-12-31' as timestamp)
            and valued.known_until_at > replacement.known_after_at
            and valued.known_until_at <= replacement.known_until_at

),

final as (

    select
        * exclude (
            provider_id, pricing_mode, account_provider_id, is_account_known,
            local_period_start, local_charge_start, is_time_readable, own_reason,
            copy_number, content_number, next_content_at, contents, has_sku, use_key,
            is_usable, invoice_known_at, final_known_at, next_version_at,
            contradicted_at, is_positive_credit, is_never_in_force, replaced_at
        ),
        coalesce(account_provider_id, provider_id) as provider_id,
        coalesce(pricing_mode, case when charge_category = 'Usage' then 'on_demand' end)
            as pricing_mode,
        cast(payable_cost * booked_rate as numeric(38, 12)) as billed_cost_usd,
        case
            when billed_cost is null then 'AMOUNT_PARSE'
            when booked_rate is null then 'NO_FX_RATE'
        end as usd_missing_reason,
        {{ named_findings({
            'SIGN_FLIPPED': 'amount_sign = -1',
            'ORPHAN_CREDIT': "document_type = 'credit_memo' and invoice_known_at is null",
            'UNKNOWN_ACCOUNT': 'not is_account_known',
            'UNMAPPED_SKU': "charge_category = 'Usage' and commitment_id is null"
                ~ " and coalesce(service_category, 'AI and Machine Learning')"
                ~ " = 'AI and Machine Learning'"
                ~ " and (model_id is null or token_class is null)",
            'TAX_IN_USAGE': "charge_category in ('Usage', 'Purchase') and "
                ~ matches_pattern(
                    "lower(coalesce(charge_description, '') || ' '"
                    ~ " || coalesce(sku_meter, ''))",
                    "(.*[^a-z])?(tax|vat|gst)([^a-z].*)?"
                ),
            'PROVISIONAL_FX': 'is_fx_provisional',
            'NO_FX_RATE': 'booked_rate is null',
        }, '|') }} as quality_flags
    from dated

)

select * from final
