{%- set fields = {
    'application': 'application',
    'environment': 'environment',
    'cost_center': 'cost_center',
} -%}

with

source as (
    {{ raw_rows('litellm', 'keys') }}
),

parsed as (

    select
        source.*,
        {{ json_document("coalesce(nullif(metadata, ''), '{}')", fields) }} as document
    from source

),

documents as (

    select
        parsed.*,
        {{ json_columns('document', fields) }}
    from parsed

),

renamed as (

    select
        token as api_key_hash,
        nullif(team_id, '') as team_id,
        key_alias,
        application as application_id,
        environment,
        cost_center as cost_center_tag,
        coalesce(blocked, false) as is_blocked,
        created_at
    from documents

)

select * from renamed
