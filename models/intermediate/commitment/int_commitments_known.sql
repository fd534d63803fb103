with

commitments as (
    select * from {{ ref('commitments') }}
    where {{ is_known('recorded_at') }}
),

billing_accounts as (
    {{ latest_rows(ref('billing_accounts'), 'billing_account_id') }}
),

-- A row recorded later replaces every earlier row of the commitment whose term it
-- touches, as a whole: so each row in force amortizes its own price over its own term.
replacements as (

    select
        commitments.commitment_id,
        commitments.term_start_at,
        commitments.recorded_at,
        min(later_rows.recorded_at) as replaced_at
    from commitments
    inner join commitments as later_rows
        on
            commitments.commitment_id = later_rows.commitment_id
            and commitments.recorded_at < later_rows.recorded_at
            and commitments.term_start_at < later_rows.term_end_at
            and commitments.term_end_at > later_rows.term_start_at
    group by
        commitments.commitment_id,
        commitments.term_start_at,
        commitments.recorded_at

),

final as (

    select
        commitments.*,
        coalesce(billing_accounts.billing_time_zone, 'UTC') as billing_time_zone,
        commitments.commitment_type
        in ('provisioned_units', 'self_hosted_gpu') as is_hourly_capacity,
        commitments.recorded_at as known_from_at,
        coalesce(replacements.replaced_at, cast('9999-12-31' as timestamp))
            as known_until_at,
        replacements.replaced_at is null as is_in_force
    from commitments
    left join replacements
        on
            commitments.commitment_id = replacements.commitment_id
            and commitments.term_start_at = replacements.term_start_at
            and commitments.recorded_at = replacements.recorded_at
    left join billing_accounts
        on commitments.billing_account_id = billing_accounts.billing_account_id

)

select * from final
