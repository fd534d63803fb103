with

model_aliases as (
    {{ known_rows(ref('model_aliases'), ['source_name', 'alias']) }}
),

source_precedence as (
    {{ known_rows(ref('source_precedence'), ['source_name']) }}
),

-- An alias for any source is repeated for each, so that requests join on equal keys.
per_source as (

    select
        source_precedence.source_name,
        model_aliases.alias,
        model_aliases.provider_id,
        model_aliases.model_id,
        model_aliases.valid_from_at,
        model_aliases.valid_until_at,
        case when model_aliases.source_name = '*' then 2 else 1 end as specificity
    from model_aliases
    inner join source_precedence
        on model_aliases.source_name in ('*', source_precedence.source_name)

),

final as (

    select
        source_name,
        alias,
        provider_id,
        model_id,
        valid_from_at,
        valid_until_at
    from per_source
    qualify row_number() over (
        partition by source_name, alias, valid_from_at order by specificity
    ) = 1

)

select * from final
