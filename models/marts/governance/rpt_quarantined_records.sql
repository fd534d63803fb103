with

attempts as (
    select * from {{ ref('int_attempts_rated') }}
    where
        quarantine_reason is not null
        or (source_record_id like 'synthetic:%' and exact_duplicates > 0)
),

-- Two equal rows without an id may be one delivery or two calls: the
-- second is not believed.
rejected as (

    select
        attempts.*,
        coalesce(attempts.quarantine_reason, 'AMBIGUOUS_DUP') as rejection_reason,
        case
            when attempts.quarantine_reason is null then attempts.exact_duplicates
            else 1
        end as rejected_rows,
        case
            when
                attempts.gateway_reported_cost_usd > 0
                then attempts.gateway_reported_cost_usd
            else cast(attempts.contracted_rated_usd as decimal(38, 12))
        end as own_estimate_usd,
        case
            when attempts.gateway_reported_cost_usd > 0 then 'gateway'
            when attempts.contracted_rated_usd is not null then 'rated'
            else 'none'
        end as estimate_basis
    from attempts

),

ordered as (

    select
        rejected.*,
        row_number() over (
            partition by rejected.attempt_id
            order by rejected.ingested_at, rejected.record_hash
        ) as payload_number,
        row_number() over (
            partition by rejected.attempt_id
            order by
                coalesce(rejected.own_estimate_usd, 0) desc,
                rejected.ingested_at asc,
                rejected.record_hash asc
        ) as estimate_order
    from rejected

),

refused_lines as (
    select * from {{ ref('int_invoice_lines_identified') }}
    where line_status = 'quarantined'
),

refused_ordered as (

    select
        *,
        row_number() over (
            partition by invoice_line_id
            order by ingested_at, version_no, record_hash
        ) as payload_number,
        row_number() over (
            partition by invoice_line_id
            order by
                coalesce(billed_cost_usd, 0) desc,
                ingested_at asc,
                version_no asc,
                record_hash asc
        ) as estimate_order
    from refused_lines

),

-- Contradicting copies are one call or one charge: the larger estimate counts, once.
final as (

    select
        attempt_id,
        cast(payload_number as bigint) as payload_number,
        source_name,
        source_record_id,
        application_id,
        provider_id,
        model_served,
        rejection_reason as quarantine_reason,
        estimate_basis,
        cast(rejected_rows as bigint) as rejected_rows,
        cast(
            case
                when estimate_order > 1 then 0
                when
                    rejection_reason = 'AMBIGUOUS_DUP'
                    then own_estimate_usd * rejected_rows
                else own_estimate_usd
            end as numeric(38, 12)
        ) as estimated_cost_usd,
        attempt_date as record_date,
        started_at,
        ingested_at
    from ordered

    union all

    select
        invoice_line_id as attempt_id,
        cast(payload_number as bigint) as payload_number,
        source_name,
        source_record_id,
        'UNREGISTERED' as application_id,
        provider_id,
        model_id as model_served,
        quarantine_reason,
        case when billed_cost_usd is null then 'none' else 'billed' end
            as estimate_basis,
        cast(1 as bigint) as rejected_rows,
        case
            when estimate_order > 1 then cast(0 as numeric(38, 12))
            else billed_cost_usd
        end as estimated_cost_usd,
        coalesce(cast(charge_period_start as date), cast('1900-01-01' as date))
            as record_date,
        charge_period_start as started_at,
        ingested_at
    from refused_ordered

)

select * from final
