{#- A table: the tree is walked once, not once for every reader. -#}
{{ config(materialized='table') }}

{%- set fields = {
    'operation_word': 'gen_ai.operation.name',
    'conversation': 'gen_ai.conversation.id',
    'workflow': 'gen_ai.workflow.name',
    'agent_id': 'gen_ai.agent.id',
    'agent_name': 'gen_ai.agent.name',
    'agent_version': 'gen_ai.agent.version',
    'case_key': 'ai_finops.case_key',
} %}

with recursive

requests as (
    select * from {{ ref('stg_otel_genai__requests') }}
),

spans as (
    select * from {{ ref('stg_otel_genai__spans') }}
    where {{ is_known('ingested_at') }}
),

-- Every span that another one names as its parent, whatever instrumentation wrote it: a
-- web framework's span between an agent and its calls must not break the chain.
parents as (

    select
        trace_id,
        parent_span_id as span_id
    from spans
    where parent_span_id is not null
    group by trace_id, parent_span_id

),

-- One row per span of the tree; of several copies the one that arrived first.
structure as (

    select
        spans.trace_id,
        spans.span_id,
        spans.parent_span_id,
        spans.started_at,
        {{ json_document("coalesce(nullif(spans.attributes, ''), '{}')", fields) }}
            as document
    from spans
    left join parents
        on
            spans.trace_id = parents.trace_id
            and spans.span_id = parents.span_id
    where
        parents.span_id is not null
        or spans.attributes like '%"invoke_agent"%'
        or spans.attributes like '%"invoke_workflow"%'
    qualify row_number() over (
        partition by spans.trace_id, spans.span_id
        order by spans.ingested_at, spans.attributes, spans.parent_span_id
    ) = 1

),

documents as (

    select
        structure.*,
        {{ json_columns('document', fields) }}
    from structure

),

nodes as (

    select
        trace_id,
        span_id,
        parent_span_id,
        started_at,
        case
            when operation_word in ('invoke_agent', 'invoke_workflow') then span_id
        end as interaction_id,
        nullif(conversation, '') as session_id,
        nullif(workflow, '') as workflow_id,
        coalesce(nullif(agent_id, ''), nullif(agent_name, '')) as component_id,
        nullif(agent_version, '') as component_version,
        nullif(case_key, '') as case_key
    from documents

),

-- Walked from the top down: spans in a circle of parents have no top and are
-- never reached. The outermost agent or workflow names the interaction, the
-- nearest one everything else.
placed (
    trace_id,
    span_id,
    started_at,
    interaction_id,
    session_id,
    workflow_id,
    component_id,
    component_version,
    case_key,
    top_id,
    is_detached
) as (

    select
        nodes.trace_id,
        nodes.span_id,
        nodes.started_at,
        nodes.interaction_id,
        nodes.session_id,
        nodes.workflow_id,
        nodes.component_id,
        nodes.component_version,
        nodes.case_key,
        nodes.span_id as top_id,
        nodes.parent_span_id is not null as is_detached
    from nodes
    left join structure
        on
            nodes.trace_id = structure.trace_id
            and nodes.parent_span_id = structure.span_id
    where structure.span_id is null

    union all

    select
        nodes.trace_id,
        nodes.span_id,
        nodes.started_at,
        coalesce(placed.interaction_id, nodes.interaction_id) as interaction_id,
        coalesce(nodes.session_id, placed.session_id) as session_id,
        coalesce(nodes.workflow_id, placed.workflow_id) as workflow_id,
        coalesce(nodes.component_id, placed.component_id) as component_id,
        -- A version belongs to its own component, not to an agent around it.
        case
            when coalesce(nodes.component_id, placed.component_id) = placed.component_id
                then coalesce(nodes.component_version, placed.component_version)
            else nodes.component_version
        end as component_version,
        coalesce(nodes.case_key, placed.case_key) as case_key,
        placed.top_id,
        placed.is_detached
    from nodes
    inner join placed
        on
            nodes.trace_id = placed.trace_id
            and nodes.parent_span_id = placed.span_id

),

-- One row per trace with an agent or workflow: its first outermost one, which stands in
-- for parents that are missing or that form a circle.
roots as (

    select *
    from placed
    where interaction_id = span_id
    qualify row_number() over (
        partition by trace_id order by is_detached, started_at, span_id
    ) = 1

),

-- One row per trace and parent named in it. A parent that cannot be followed to a top,
-- or whose own top lost its parent, hangs from the root of the trace.
ancestors as (

    select
        parents.trace_id,
        parents.span_id,
        coalesce(placed.span_id, roots.span_id) as known_span_id,
        coalesce(roots.interaction_id, placed.interaction_id) as interaction_id,
        coalesce(placed.session_id, roots.session_id) as session_id,
        coalesce(placed.workflow_id, roots.workflow_id) as workflow_id,
        coalesce(placed.component_id, roots.component_id) as component_id,
        case
            when placed.component_id is not null then placed.component_version
            else roots.component_version
        end as component_version,
        coalesce(placed.case_key, roots.case_key) as case_key
    from parents
    left join placed
        on
            parents.trace_id = placed.trace_id
            and parents.span_id = placed.span_id
    left join roots
        on
            parents.trace_id = roots.trace_id
            and (
                placed.span_id is null
                or (placed.is_detached and placed.top_id <> roots.top_id)
            )

),

-- At most one ancestor row and one root for each request. What a call says of itself
-- goes first; a call without an agent above it shares the interaction of its trace
-- and inherits nothing else.
final as (

    select
        requests.* replace (
            coalesce(
                ancestors.interaction_id, roots.interaction_id, requests.interaction_id
            ) as interaction_id,
            coalesce(requests.session_id, ancestors.session_id) as session_id,
            ancestors.known_span_id as parent_step_id,
            coalesce(requests.workflow_id, ancestors.workflow_id) as workflow_id,
            coalesce(requests.component_id, ancestors.component_id) as component_id,
            case
                when
                    coalesce(requests.component_id, ancestors.component_id)
                    = ancestors.component_id
                    then coalesce(
                        requests.component_version, ancestors.component_version
                    )
                else requests.component_version
            end as component_version,
            coalesce(requests.case_key, ancestors.case_key) as case_key,
            coalesce(
                requests.interaction_type,
                case when ancestors.component_id is not null then 'agent_task' end
            ) as interaction_type,
            coalesce(requests.session_id, ancestors.session_id) is not null
                as is_session_explicit
        )
    from requests
    left join ancestors
        on
            requests.run_id = ancestors.trace_id
            and requests.parent_step_id = ancestors.span_id
    left join roots
        on requests.run_id = roots.trace_id

)

select * from final
