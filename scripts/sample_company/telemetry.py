"""What the gateways logged: LiteLLM's tables and OpenTelemetry client spans."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sample_company.files import Table
from sample_company.truth import (
    LATE_ARRIVAL,
    Attempt,
    Company,
    Interaction,
    cost_by_class,
    digest,
    support_cost_center,
)

CANARY = "CANARY-7f3a-do-not-copy"
"""Stands for a prompt or an answer in every content column; no built table may hold it."""
IP_ADDRESS = "203.0.113.7"
USER_AGENT = "python-httpx/0.28.1"
USD_PER_EUR_AT_THE_GATEWAY = Decimal("1.08")
REDELIVERED_HOUR = datetime(2026, 9, 3, 14)
CLIENT_SPAN_DAY = date(2026, 9, 3)
TEAM_OF = {
    "support-chat": "support",
    "kb-search": "support",
    "uw-summariser": "underwriting",
    "claims-large-loss": "claims",
    "marketing-draft": "marketing",
    "fraud-score": "risk",
    "file-bundle": "claims",
    "policy-search-index": "risk",
    "claims-index": "claims",
}
"""hackathon-bot has a key and no team."""
TEAMS = {
    # Support's cost center changes in October; a table of current state cannot say so.
    "claims": ("Claims", '{"cost_center": "2100", "business_unit": "Claims"}'),
    "support": ("Support", '{"business_unit": "Support"}'),
    "underwriting": ("Underwriting", '{"cost_center": "2300", "business_unit": "Underwriting"}'),
    "marketing": ("Marketing", '{"cost_center": "3100", "business_unit": "Marketing"}'),
    "risk": ("Risk & Compliance", '{"cost_center": "4000", "business_unit": "Risk"}'),
}
WORKFLOW_OF = {
    "support-chat": "ticket-answer",
    "kb-search": "knowledge-answer",
    "uw-summariser": "quote-summary",
    "claims-large-loss": "large-loss-assessment",
    "marketing-draft": "campaign-draft",
    "fraud-score": "claim-fraud-score",
    "file-bundle": "claim-file-bundle",
    "policy-search-index": "policy-index-refresh",
}

SPEND_LOG_COLUMNS = {
    "request_id": "VARCHAR",
    "call_type": "VARCHAR",
    "api_key": "VARCHAR",
    "spend": "DOUBLE",
    "total_tokens": "BIGINT",
    "prompt_tokens": "BIGINT",
    "completion_tokens": "BIGINT",
    "startTime": "TIMESTAMP",
    "endTime": "TIMESTAMP",
    "completionStartTime": "TIMESTAMP",
    "model": "VARCHAR",
    "model_id": "VARCHAR",
    "model_group": "VARCHAR",
    "custom_llm_provider": "VARCHAR",
    "api_base": "VARCHAR",
    "user": "VARCHAR",
    "metadata": "VARCHAR",
    "cache_hit": "VARCHAR",
    "cache_key": "VARCHAR",
    "request_tags": "VARCHAR",
    "team_id": "VARCHAR",
    "end_user": "VARCHAR",
    "requester_ip_address": "VARCHAR",
    "messages": "VARCHAR",
    "response": "VARCHAR",
    "proxy_server_request": "VARCHAR",
    "session_id": "VARCHAR",
    "status": "VARCHAR",
    "mcp_namespaced_tool_name": "VARCHAR",
    "agent_id": "VARCHAR",
    "request_duration_ms": "BIGINT",
    "created_at": "TIMESTAMP",
    "updated_at": "TIMESTAMP",
    "litellm_call_id": "VARCHAR",
    "billing_agent_id": "VARCHAR",
    "organization_id": "VARCHAR",
    "_loaded_at": "TIMESTAMP",
}

SPAN_COLUMNS = {
    "trace_id": "VARCHAR",
    "span_id": "VARCHAR",
    "parent_span_id": "VARCHAR",
    "name": "VARCHAR",
    "kind": "INTEGER",
    "start_time_unix_nano": "BIGINT",
    "end_time_unix_nano": "BIGINT",
    "status_code": "INTEGER",
    "scope_name": "VARCHAR",
    "scope_version": "VARCHAR",
    "schema_url": "VARCHAR",
    "resource_attributes": "VARCHAR",
    "attributes": "VARCHAR",
    "_loaded_at": "TIMESTAMP",
}


def uuid_of(*parts: object) -> str:
    """A made-up id in the form of a UUID."""
    text = digest(*parts)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def trace_id(interaction: str) -> str:
    """Trace of a run, from the name of its interaction."""
    return digest("trace", interaction)


def workflow_span_id(interaction: str) -> str:
    """Root span of a run, from the name of its interaction: what the run is known by elsewhere."""
    return digest("workflow", interaction)[:16]


def litellm_call_id(attempt: Attempt) -> str:
    """The id under which LiteLLM's callbacks and spans know a call."""
    return uuid_of("call", attempt.key)


def request_id(attempt: Attempt) -> str:
    """LiteLLM's key of a call: the response id, or the call id where there is none."""
    if attempt.model == "cirrus-embed":
        return litellm_call_id(attempt)
    return f"chatcmpl-{digest('response', attempt.key)[:29]}"


def interaction_ids(company: Company) -> dict[str, str]:
    """Interaction name to the id under which the rest of the company knows it."""
    ids = {}
    for attempt in company.attempts:
        if not attempt.interaction:
            continue
        if attempt.logged_by == "otel_genai":
            ids[attempt.interaction] = workflow_span_id(attempt.interaction)
        elif attempt.application in ("hackathon-bot", "claims-index"):
            # These callers pass no interaction id, so the request id is all there is.
            ids[attempt.interaction] = request_id(attempt)
        else:
            ids[attempt.interaction] = attempt.interaction
    return ids


def _api_key(application: str) -> str:
    return hashlib.sha256(f"virtual key of {application}".encode()).hexdigest()


def _team_id(application: str) -> str:
    team = TEAM_OF.get(application)
    return uuid_of("team", team) if team else ""


def _caller_metadata(attempt: Attempt, case_key: str) -> dict[str, Any] | None:
    """What the caller put into `spend_logs_metadata`; each application has its habits."""
    application = attempt.application
    if application in ("hackathon-bot", "claims-index"):
        return None
    metadata: dict[str, Any] = {"interaction_id": attempt.interaction}
    if application != "kb-search":
        # kb-search names itself by tags instead.
        metadata |= {"application": application, "workflow": WORKFLOW_OF[application]}
    if case_key:
        metadata["case_key"] = case_key
    if application == "support-chat":
        metadata["cost_center"] = support_cost_center(attempt.started_at.date())
    if attempt.component:
        metadata |= {
            "agent": attempt.component,
            "agent_version": "2.0.0",
            "step": 0,
            "workflow_run_id": attempt.interaction,
        }
    return metadata


def _tags(attempt: Attempt, case_key: str) -> list[str]:
    tags = ["env:prod"]
    if attempt.application in ("hackathon-bot", "kb-search"):
        tags.append(f"app:{attempt.application}")
    if attempt.application == "kb-search":
        tags.append(f"wf:{WORKFLOW_OF[attempt.application]}")
    if attempt.application == "marketing-draft":
        tags.append(f"draft:{case_key}")
    if attempt.application == "claims-index":
        tags.append("pipeline:nightly-index")
    return [*tags, "User-Agent: python-httpx", f"User-Agent: {USER_AGENT}"]


def _usage_object(attempt: Attempt) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "total_tokens": attempt.prompt + attempt.output,
        "prompt_tokens": attempt.prompt,
        "completion_tokens": attempt.output,
    }
    if attempt.model == "cirrus-embed":
        return usage | {"prompt_tokens_details": None, "completion_tokens_details": None}
    if attempt.pricing_mode == "batch":
        usage["service_tier"] = "batch"
    return usage | {
        "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": attempt.cache_read},
        "completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": 0},
    }


def _gateway_costs(attempt: Attempt) -> dict[str, float]:
    """The gateway's own arithmetic: USD floats at list price, the pool included."""
    rate = USD_PER_EUR_AT_THE_GATEWAY if attempt.provider == "cirrus" else Decimal(1)
    costs = {name: cost * rate for name, cost in cost_by_class(attempt).items()}
    read = costs.get("cache_read", Decimal(0))
    output = costs.get("output", Decimal(0))
    total = sum(costs.values(), Decimal(0))
    figures = {
        "input_cost": float(total - output),
        "output_cost": float(output),
        "total_cost": float(total),
        "original_cost": float(total),
        "tool_usage_cost": 0,
        "discount_amount": 0,
    }
    return figures | ({"cache_read_cost": float(read)} if read else {})


def _guardrails(is_blocked: bool) -> list[dict[str, str]] | None:
    if not is_blocked:
        return None
    return [
        {
            "guardrail_name": "personal-data-output",
            "guardrail_mode": "post_call",
            "guardrail_status": "guardrail_intervened",
            "guardrail_response": f"{CANARY} found personal data",
        }
    ]


def _metadata(attempt: Attempt, case_key: str, is_blocked: bool) -> str:
    application = attempt.application
    team = TEAM_OF.get(application)
    spilled_from = "borealis-pool-1" if attempt.pricing_mode == "committed_spill" else None
    return json.dumps(
        {
            "status": None,
            "user_agent": USER_AGENT,
            "max_retries": 2,
            "usage_object": _usage_object(attempt),
            "user_api_key": _api_key(application),
            "cost_breakdown": _gateway_costs(attempt) | {"service_tier": None},
            "azure_spillover": {"from_deployment": spilled_from} if spilled_from else None,
            "attempted_retries": 0,
            "error_information": None,
            "user_api_key_alias": f"{application}-prod",
            "attempted_fallbacks": 1 if attempt.fallback_from else 0,
            "spend_logs_metadata": _caller_metadata(attempt, case_key),
            "original_model_group": attempt.fallback_from or attempt.model,
            "proxy_server_request": None,
            "requester_ip_address": IP_ADDRESS,
            "user_api_key_team_id": _team_id(application) or None,
            "user_api_key_org_id": None,
            "user_api_key_user_id": None,
            "guardrail_information": _guardrails(is_blocked),
            "model_map_information": {
                "model_map_key": f"{attempt.provider}/{attempt.model}",
                "model_map_value": {"litellm_provider": attempt.provider},
            },
            "user_api_key_project_id": None,
            "user_api_key_team_alias": TEAMS[team][0] if team else None,
        }
    )


def _spend_log(attempt: Attempt, interaction: Interaction, arrived_at: datetime) -> dict[str, Any]:
    written_at = attempt.ended_at + timedelta(milliseconds=1_200)
    is_pool = attempt.deployment == "borealis-pool-1"
    has_session = attempt.application == "support-chat"
    return {
        "request_id": request_id(attempt),
        "call_type": "aembedding" if attempt.model == "cirrus-embed" else "acompletion",
        "api_key": _api_key(attempt.application),
        "spend": _gateway_costs(attempt)["total_cost"],
        "total_tokens": attempt.prompt + attempt.output,
        "prompt_tokens": attempt.prompt,
        "completion_tokens": attempt.output,
        "startTime": attempt.started_at,
        "endTime": attempt.ended_at,
        "completionStartTime": attempt.ended_at,
        # Like an Azure deployment, the pool is logged by its name, not by its model.
        "model": f"{attempt.provider}/{'borealis-pro-pool' if is_pool else attempt.model}",
        "model_id": attempt.deployment,
        "model_group": attempt.model,
        "custom_llm_provider": attempt.provider,
        "api_base": f"https://{attempt.provider}.example/v1",
        "user": "",
        "metadata": _metadata(attempt, interaction.case_key, interaction.is_blocked),
        "cache_hit": "None",
        "cache_key": hashlib.sha256(attempt.fingerprint.encode()).hexdigest(),
        "request_tags": json.dumps(_tags(attempt, interaction.case_key)),
        "team_id": _team_id(attempt.application),
        "end_user": attempt.user,
        "requester_ip_address": IP_ADDRESS,
        "messages": json.dumps([{"role": "user", "content": f"{CANARY} question"}]),
        "response": json.dumps({"choices": [{"message": {"content": f"{CANARY} answer"}}]}),
        "proxy_server_request": json.dumps({"body": f"{CANARY} request"}),
        # Without a caller's session the gateway makes one up: 32 hex digits.
        "session_id": attempt.interaction if has_session else digest("session", attempt.key),
        "status": "success",
        "mcp_namespaced_tool_name": None,
        "agent_id": None,
        "request_duration_ms": attempt.milliseconds,
        "created_at": written_at,
        "updated_at": written_at,
        "litellm_call_id": litellm_call_id(attempt),
        "billing_agent_id": None,
        "organization_id": "",
        "_loaded_at": arrived_at,
    }


def litellm_tables(company: Company) -> list[Table]:
    """Spend logs, their one redelivered hour, teams and keys."""
    interactions = {interaction.name: interaction for interaction in company.interactions}
    delay = timedelta(minutes=company.parameters.arrival_minutes)
    again = timedelta(minutes=company.parameters.redelivery_minutes)
    logged = [attempt for attempt in company.attempts if attempt.logged_by == "litellm"]
    rows = [
        _spend_log(attempt, interactions[attempt.interaction], attempt.ended_at + delay)
        for attempt in logged
    ]
    redelivered = [
        row | {"_loaded_at": row["_loaded_at"] + again}
        for row in rows
        if REDELIVERED_HOUR <= row["startTime"] < REDELIVERED_HOUR + timedelta(hours=1)
    ]
    path = f"litellm/spend_logs_redelivered_{REDELIVERED_HOUR:%Y-%m-%dT%H}.parquet"
    return [
        Table("litellm/spend_logs.parquet", SPEND_LOG_COLUMNS, rows),
        Table(path, SPEND_LOG_COLUMNS, redelivered),
        _teams(company),
        _keys(company),
    ]


def _teams(company: Company) -> Table:
    created_at = datetime(2026, 3, 2, 9)
    rows = [
        {
            "team_id": uuid_of("team", team),
            "team_alias": alias,
            "organization_id": None,
            "metadata": metadata,
            "max_budget": None,
            "soft_budget": None,
            "budget_duration": None,
            "budget_reset_at": None,
            "spend": 0.0,
            "blocked": False,
            "models": "{}",
            "created_at": created_at,
            "updated_at": created_at,
            "_loaded_at": datetime.combine(company.parameters.first_day, datetime.min.time()),
        }
        for team, (alias, metadata) in TEAMS.items()
    ]
    columns = {
        "team_id": "VARCHAR",
        "team_alias": "VARCHAR",
        "organization_id": "VARCHAR",
        "metadata": "VARCHAR",
        "max_budget": "DOUBLE",
        "soft_budget": "DOUBLE",
        "budget_duration": "VARCHAR",
        "budget_reset_at": "TIMESTAMP",
        "spend": "DOUBLE",
        "blocked": "BOOLEAN",
        "models": "VARCHAR",
        "created_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP",
        "_loaded_at": "TIMESTAMP",
    }
    return Table("litellm/teams.parquet", columns, rows)


def _keys(company: Company) -> Table:
    created_at = datetime(2026, 3, 2, 10)
    projects = {"claims-large-loss": "proj_claims_large_loss"}
    rows = []
    for application in [*TEAM_OF, "hackathon-bot"]:
        is_registered = application in TEAM_OF
        metadata = {"application": application, "environment": "prod"} if is_registered else {}
        rows.append(
            {
                "token": _api_key(application),
                "key_name": f"sk-...{digest('key', application)[:4]}",
                "key_alias": f"{application}-prod",
                "team_id": _team_id(application) or None,
                "user_id": None,
                "project_id": projects.get(application),
                "organization_id": None,
                "metadata": json.dumps(metadata),
                "max_budget": None,
                "budget_duration": None,
                "spend": 0.0,
                "total_spend": 0.0,
                "expires": None,
                "blocked": None,
                "key_type": "default",
                "created_at": created_at,
                "updated_at": created_at,
                "_loaded_at": datetime.combine(company.parameters.first_day, datetime.min.time()),
            }
        )
    columns = {
        "token": "VARCHAR",
        "key_name": "VARCHAR",
        "key_alias": "VARCHAR",
        "team_id": "VARCHAR",
        "user_id": "VARCHAR",
        "project_id": "VARCHAR",
        "organization_id": "VARCHAR",
        "metadata": "VARCHAR",
        "max_budget": "DOUBLE",
        "budget_duration": "VARCHAR",
        "spend": "DOUBLE",
        "total_spend": "DOUBLE",
        "expires": "TIMESTAMP",
        "blocked": "BOOLEAN",
        "key_type": "VARCHAR",
        "created_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP",
        "_loaded_at": "TIMESTAMP",
    }
    return Table("litellm/keys.parquet", columns, rows)


class _Dialect:
    """Names an instrumentation of its time gives to attributes."""

    def __init__(self, at: datetime) -> None:
        august, september = at < datetime(2026, 9, 1), at < datetime(2026, 10, 1)
        self.schema_url = "https://opentelemetry.io/schemas/" + (
            "1.26.0" if august else "1.30.0" if september else "1.37.0"
        )
        self.scope_version = "0.9b0" if august else "1.1b0" if september else "1.3b0"
        self.provider = "gen_ai.system" if september else "gen_ai.provider.name"
        self.input = "gen_ai.usage.prompt_tokens" if august else "gen_ai.usage.input_tokens"
        self.output = "gen_ai.usage.completion_tokens" if august else "gen_ai.usage.output_tokens"
        self.environment = "deployment.environment" + ("" if august else ".name")
        self.tier = ("gen_ai." if september else "") + "openai.response.service_tier"
        self.counts_as_text = august
        """OTLP/JSON writes 64-bit integers as strings, and the first collector kept them so."""

    def count(self, tokens: int) -> int | str:
        return str(tokens) if self.counts_as_text else tokens


def _nanoseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1) * 1_000_000


def _span(
    trace: str,
    span: str,
    parent: str | None,
    name: str,
    window: tuple[datetime, datetime],
    resource: dict[str, Any],
    attributes: dict[str, Any],
    arrived_at: datetime,
    kind: int = 1,
    is_error: bool = False,
    scope: tuple[str, str, str | None] = ("claims-intake-agent.runtime", "1.0", None),
) -> dict[str, Any]:
    return {
        "trace_id": trace,
        "span_id": span,
        "parent_span_id": parent,
        "name": name,
        "kind": kind,
        "start_time_unix_nano": _nanoseconds(window[0]),
        "end_time_unix_nano": _nanoseconds(window[1]),
        "status_code": 2 if is_error else 0,
        "scope_name": scope[0],
        "scope_version": scope[1],
        "schema_url": scope[2],
        "resource_attributes": json.dumps(resource),
        "attributes": json.dumps(attributes),
        "_loaded_at": arrived_at,
    }


def _resource(service: str, cost_center: str, dialect: _Dialect) -> dict[str, str]:
    return {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "service.name": service,
        "service.namespace": "meridian",
        dialect.environment: "prod",
        "cost_center": cost_center,
    }


def _content() -> dict[str, str]:
    return {
        "gen_ai.input.messages": f"{CANARY} question",
        "gen_ai.output.messages": f"{CANARY} answer",
        "gen_ai.system_instructions": f"{CANARY} instructions",
    }


def _chat_attributes(attempt: Attempt, dialect: _Dialect, case_key: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        dialect.provider: attempt.provider,
        "gen_ai.request.model": attempt.model,
        "gen_ai.response.model": attempt.model,
        "gen_ai.response.id": request_id(attempt),
        "gen_ai.response.finish_reasons": ["stop"],
        dialect.input: dialect.count(attempt.prompt),
        dialect.output: dialect.count(attempt.output),
        dialect.tier: "default",
        "ai_finops.case_key": case_key,
        "ai_finops.request_fingerprint": digest("request", attempt.fingerprint),
        "server.address": f"{attempt.provider}.example",
        **_content(),
    }
    if attempt.is_timeout:
        # The answer was generated and billed in full before the client gave up.
        attributes |= {
            "error.type": "openai.APITimeoutError",
            "error.message": f"{CANARY} timed out",
        }
        del attributes["gen_ai.response.finish_reasons"]
    if attempt.resends:
        attributes["http.request.resend_count"] = attempt.resends
    return attributes


def _run_spans(
    run: Interaction, attempts: list[Attempt], arrival: timedelta
) -> list[dict[str, Any]]:
    """Spans of one run: workflow, agent, nested component, model calls and tools."""
    first = attempts[0]
    dialect = _Dialect(first.started_at)
    resource = _resource(run.application, "2100", dialect) | {"service.version": run.version}
    trace = trace_id(run.name)
    is_loop = run.version == "1.8.0"
    workflow, agent = workflow_span_id(run.name), digest("agent", run.name)[:16]
    conversation = {"gen_ai.conversation.id": f"claim-{run.case_key}"}
    scope = (
        "opentelemetry.instrumentation.genai.openai",
        dialect.scope_version,
        dialect.schema_url,
    )
    end = run.ended_at + timedelta(seconds=2)

    def arrived(moment: datetime) -> datetime:
        return LATE_ARRIVAL if first.arrives_late else moment + arrival

    spans = [
        _span(
            trace, workflow, None, "invoke_workflow claims-intake", (first.started_at, end),
            resource,
            {
                "gen_ai.operation.name": "invoke_workflow",
                "gen_ai.workflow.name": "claims-intake",
                **conversation,
                **({} if run.succeeded else {"error.type": "claim_not_completed"}),
            },
            arrived(end), is_error=not run.succeeded,
        ),
        _span(
            trace, agent, workflow, "invoke_agent claims-intake-agent", (first.started_at, end),
            resource,
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.id": "claims-intake-agent",
                "gen_ai.agent.name": "claims-intake-agent",
                "gen_ai.agent.version": run.version,
                **conversation,
            },
            arrived(end),
        ),
    ]  # fmt: skip
    for attempt in attempts:
        parent = agent
        if attempt.component == "doc-extract":
            parent = digest("component", attempt.key)[:16]
            window = (attempt.started_at, attempt.ended_at + timedelta(seconds=1))
            spans.append(
                _span(
                    trace, parent, agent, "invoke_agent doc-extract", window, resource,
                    {
                        "gen_ai.operation.name": "invoke_agent",
                        "gen_ai.agent.id": "doc-extract",
                        "gen_ai.agent.name": "doc-extract",
                        "gen_ai.agent.version": attempt.component_version,
                    },
                    arrived(window[1]),
                )
            )  # fmt: skip
        spans.append(
            _span(
                trace, digest("span", attempt.key)[:16], parent, f"chat {attempt.model}",
                (attempt.started_at, attempt.ended_at), resource,
                _chat_attributes(attempt, dialect, run.case_key), arrived(attempt.ended_at),
                kind=3, is_error=attempt.is_timeout, scope=scope,
            )
        )  # fmt: skip
        if is_loop or attempt.step == 4:
            # Step 4 looks the policy up; in the runaway runs that lookup fails every time.
            window = (attempt.ended_at, attempt.ended_at + timedelta(seconds=1))
            spans.append(
                _span(
                    trace, digest("tool", attempt.key)[:16], agent, "execute_tool policy_lookup",
                    window, resource,
                    {
                        "gen_ai.operation.name": "execute_tool",
                        "gen_ai.tool.name": "policy_lookup",
                        "gen_ai.tool.type": "function",
                        "gen_ai.tool.call.arguments": f"{CANARY} arguments",
                        **({"error.type": "PolicyLookupError"} if is_loop else {}),
                    },
                    arrived(window[1]), is_error=is_loop,
                )
            )  # fmt: skip
    return spans


def _client_span(attempt: Attempt, case_key: str, arrival: timedelta) -> dict[str, Any]:
    """The caller's own view of a call that the gateway logged too."""
    dialect = _Dialect(datetime(2026, 10, 1))
    return _span(
        digest("client trace", attempt.key),
        digest("client span", attempt.key)[:16],
        None,
        f"chat {attempt.model}",
        (attempt.started_at, attempt.ended_at),
        _resource("support-chat", support_cost_center(attempt.started_at.date()), dialect),
        _chat_attributes(attempt, dialect, case_key),
        attempt.ended_at + arrival,
        kind=3,
        scope=(
            "opentelemetry.instrumentation.genai.openai",
            dialect.scope_version,
            dialect.schema_url,
        ),
    )


def span_table(company: Company) -> Table:
    """Runs of claims-intake-agent, and one day on which support-chat traced itself as well."""
    arrival = timedelta(minutes=company.parameters.arrival_minutes)
    by_interaction: dict[str, list[Attempt]] = {}
    for attempt in company.attempts:
        by_interaction.setdefault(attempt.interaction, []).append(attempt)
    rows = []
    for interaction in company.interactions:
        attempts = by_interaction[interaction.name]
        if interaction.logged_by == "otel_genai":
            rows.extend(_run_spans(interaction, attempts, arrival))
        elif (
            interaction.application == "support-chat"
            and interaction.started_at.date() == CLIENT_SPAN_DAY
            and interaction.started_at.hour < 14
        ):
            rows.append(_client_span(attempts[0], interaction.case_key, arrival))
    rows.sort(key=lambda row: (row["start_time_unix_nano"], row["trace_id"], row["span_id"]))
    return Table("otel_genai/spans.parquet", SPAN_COLUMNS, rows)
