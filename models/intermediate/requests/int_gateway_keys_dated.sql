{{ config(materialized='table') }}

with

key_versions as (

    select
        snapshot_keys.*,
        snapshot_keys.dbt_valid_from
        = min(snapshot_keys.dbt_valid_from)
            over (partition by snapshot_keys.api_key_hash)
            as is_first
    from {{ ref('snapshot_litellm_keys') }} as snapshot_keys

),

team_versions as (

    select
        snapshot_teams.*,
        snapshot_teams.dbt_valid_from
        = min(snapshot_teams.dbt_valid_from)
            over (partition by snapshot_teams.team_id)
            as is_first
    from {{ ref('snapshot_litellm_teams') }} as snapshot_teams

),

-- What the first build saw is taken to hold for everything before it.
keys_dated as (

    select
        key_versions.*,
        case
            when key_versions.is_first then cast('1900-01-01' as timestamp)
            else key_versions.dbt_valid_from
        end as valid_from_at
    from key_versions

),

teams_dated as (

    select
        team_versions.*,
        case
            when team_versions.is_first then cast('1900-01-01' as timestamp)
            else team_versions.dbt_valid_from
        end as valid_from_at
    from team_versions

),

-- A key's own attributes go before those of its team.
final as (

    select
        keys_dated.api_key_hash,
        keys_dated.team_id,
        keys_dated.application_id,
        keys_dated.environment,
        coalesce(keys_dated.cost_center_tag, teams_dated.cost_center_tag)
            as cost_center_tag,
        cast(greatest(
            keys_dated.valid_from_at,
            coalesce(teams_dated.valid_from_at, keys_dated.valid_from_at)
        ) as timestamp) as valid_from_at,
        cast(least(
            keys_dated.dbt_valid_to,
            coalesce(teams_dated.dbt_valid_to, keys_dated.dbt_valid_to)
        ) as timestamp) as valid_until_at
    from keys_dated
    left join teams_dated
        on
            keys_dated.team_id = teams_dated.team_id
            and keys_dated.dbt_valid_to > teams_dated.valid_from_at
            and keys_dated.valid_from_at < teams_dated.dbt_valid_to

)

select * from final
