"""A real proxy's log: every figure that is known of it comes out of the marts.

The complete log needs AI_FINOPS_REAL_DATA_PATH; its slice runs everywhere. Each figure is
counted in the marts, counted in the raw file by a query of its own, and written down here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import LOG_SLICE
from dbt_runs import DbtRun


@dataclass(frozen=True)
class Figure:
    """One known figure: how to count it in the marts and in the raw log, and what it is there."""

    name: str
    marts: str
    raw: str
    complete: Any
    slice: Any


# The raw log with the metadata keys that the figures look at.
RAW_VIEW = """
    create view log as
    select
        *,
        cast(spend as decimal(38, 12)) as spend_usd,
        metadata ->> '$.error_information.error_class' as error_name,
        metadata ->> '$.error_information.error_code' as error_code,
        metadata -> '$.usage_object' as used,
        cast(metadata ->> '$.attempted_retries' as bigint) as retries,
        cast(metadata ->> '$.attempted_fallbacks' as bigint) as fallbacks,
        metadata ->> '$.original_model_group' as asked_model,
        (metadata ->> '$.azure_spillover.from_deployment') is not null as is_spill,
        metadata ->> '$.cost_breakdown.service_tier' as tier,
        cast(metadata ->> '$.cost_breakdown.total_cost' as decimal(38, 12)) as breakdown_usd,
        metadata ->> '$.spend_logs_metadata.interaction_id' as interaction_id,
        metadata ->> '$.spend_logs_metadata.workflow_run_id' as run_id,
        metadata ->> '$.spend_logs_metadata.agent' as agent,
        coalesce(
            metadata ->> '$.spend_logs_metadata.cost_center',
            nullif(regexp_extract(request_tags, '"cc:([^"]*)"', 1), '')
        ) as cost_center,
        coalesce(cast(
            metadata ->> '$.usage_object.prompt_tokens_details.cached_tokens' as bigint
        ), 0) as cached,
        coalesce(cast(
            metadata ->> '$.usage_object.prompt_tokens_details.cache_creation_tokens' as bigint
        ), 0) as written,
        coalesce(cast(metadata ->> concat(
            '$.usage_object.prompt_tokens_details.cache_creation_token_details.',
            'ephemeral_1h_input_tokens'
        ) as bigint), 0) as written_1h,
        coalesce(cast(
            metadata ->> '$.usage_object.completion_tokens_details.reasoning_tokens' as bigint
        ), 0) as reasoning
    from read_parquet('{path}')
"""
ANSWERED = "status in ('success', 'client_cancelled')"


def attempts(condition: str, measure: str = "count(*)") -> str:
    return f"select {measure} from fct_attempts where {condition}"


def log(condition: str, measure: str = "count(*)") -> str:
    return f"select {measure} from log where {condition}"


def total(column: str) -> str:
    return f"cast(sum({column}) as bigint)"


REPORTED = "sum(gateway_reported_cost_usd)"
SPENT = "sum(spend_usd)"
HIT = "is_gateway_cache_hit"
RAW_HIT = "cache_hit = 'True'"

FIGURES = [
    # What the log is.
    Figure("calls", attempts("true"), log("true"), 2378, 185),
    Figure("distinct ids", attempts("true", "count(distinct source_record_id)"),
           log("true", "count(distinct request_id)"), 2378, 185),
    Figure("gateway cost", attempts("true", REPORTED), log("true", SPENT),
           Decimal("7.599759365"), Decimal("0.68153864")),
    Figure("first start", attempts("true", "min(started_at)"), log("true", 'min("startTime")'),
           datetime(2026, 11, 23, 21, 59, 35, 826000), datetime(2026, 11, 23, 21, 59, 37, 275000)),
    Figure("last end", attempts("true", "max(ended_at)"), log("true", 'max("endTime")'),
           datetime(2026, 11, 23, 22, 7, 33, 451000), datetime(2026, 11, 23, 22, 7, 33, 120000)),
    # Trap 1: the parts of a cost breakdown overlap. Classes are disjoint here.
    Figure("whole prompts", attempts(ANSWERED, total("context_tokens")),
           log("status = 'success'", total("prompt_tokens")), 5568288, 367325),
    Figure("uncached tokens", attempts(ANSWERED, total("input_uncached_tokens")),
           log("status = 'success'", total("prompt_tokens - cached - written")), 3415567, 251528),
    Figure("cache reads", attempts("true", total("cache_read_tokens")),
           log("true", total("cached")), 1960048, 96867),
    Figure("cache writes, 5 minutes", attempts("true", total("cache_write_5m_tokens")),
           log("true", total("written - written_1h")), 146216, 10063),
    Figure("cache writes, 1 hour", attempts("true", total("cache_write_1h_tokens")),
           log("true", total("written_1h")), 46457, 8867),
    Figure("output tokens", attempts("true", total("output_tokens")),
           log("true", total("completion_tokens")), 393084, 29565),
    Figure("reasoning, inside output", attempts("true", total("reasoning_tokens")),
           log("true", total("reasoning")), 25438, 2685),
    # Trap 2: only 'True' is a hit; it costs nothing, what it avoided is a memo.
    Figure("cache hits", attempts(HIT), log(RAW_HIT), 31, 5),
    Figure("prompt of hits", attempts(HIT, total("context_tokens")),
           log(RAW_HIT, total("prompt_tokens")), 28098, 4526),
    Figure("output of hits", attempts(HIT, total("output_tokens")),
           log(RAW_HIT, total("completion_tokens")), 3720, 600),
    Figure("cost of hits", attempts(HIT, "sum(contracted_cost_usd)"), log(RAW_HIT, SPENT),
           Decimal(0), Decimal(0)),
    Figure("avoided by hits", attempts(HIT, "sum(avoided_cost_usd)"),
           log(RAW_HIT, "sum(breakdown_usd - spend_usd)"),
           Decimal("0.0144645"), Decimal("0.0023315")),
    Figure("hits kept apart from the call they replay",
           attempts(f"{HIT} and provider_response_id is null"), log(RAW_HIT), 31, 5),
    # Trap 3: one row per call; retries and fallbacks are counts on it.
    Figure("call grain", attempts("attempt_grain = 'call'"), log("true"), 2378, 185),
    Figure("retries", attempts("true", total("retries_reported")), log("true", total("retries")),
           80, 12),
    Figure("succeeded after one retry", attempts("is_success and retries_reported = 1"),
           log("status = 'success' and retries = 1"), 40, 4),
    Figure("failed after two retries", attempts("not is_success and retries_reported = 2"),
           log("status = 'failure' and retries = 2"), 20, 4),
    Figure("fallbacks", attempts("fallbacks_reported > 0"), log("fallbacks > 0"), 70, 12),
    Figure("fallbacks to claude-sonnet",
           attempts("attempt_role = 'fallback' and model_requested = 'gpt-5.1'"),
           log("asked_model = 'gpt-5.1' and model_group = 'claude-sonnet'"), 40, 8),
    Figure("fallbacks to gpt-4o",
           attempts("attempt_role = 'fallback' and model_requested = 'gpt-4o-ptu'"),
           log("asked_model = 'gpt-4o-ptu' and model_group = 'gpt-4o'"), 30, 4),
    Figure("nothing is called a retry", attempts("attempt_role = 'retry'"), log("false"), 0, 0),
    # Trap 4: failures cost nothing; their prompt tokens are the gateway's guess.
    Figure("failures", attempts("status in ('gateway_rejected', 'provider_error', 'blocked')"),
           log("status = 'failure'"), 125, 28),
    Figure("cost of failures",
           attempts("status in ('gateway_rejected', 'provider_error', 'blocked')",
                    "sum(contracted_cost_usd)"),
           log("status = 'failure'", SPENT), Decimal(0), Decimal(0)),
    Figure("gateway rejected", attempts("status = 'gateway_rejected'"),
           log("status = 'failure' and retries is null"), 80, 16),
    Figure("provider errors", attempts("status = 'provider_error'"),
           log("error_name in ('InternalServerError', 'ContextWindowExceededError')"), 30, 8),
    Figure("blocked", attempts("status = 'blocked'"), log("error_code = 'content_filter'"),
           15, 4),
    Figure("estimated calls", attempts("usage_source = 'gateway_estimate'"),
           log("status = 'failure' and prompt_tokens > 0"), 45, 12),
    Figure("estimated tokens",
           attempts("usage_source = 'gateway_estimate'", total("context_tokens")),
           log("status = 'failure'", total("prompt_tokens")), 1353, 356),
    Figure("rejected calls without tokens",
           attempts("status = 'gateway_rejected' and context_tokens = 0"),
           log("status = 'failure' and prompt_tokens = 0"), 80, 16),
    Figure("policy blocked", attempts("error_class = 'policy_blocked'"),
           log("error_name in ('BudgetExceededError', 'ModelAccessDeniedProxyException')"),
           46, 8),
    Figure("throttled", attempts("error_class = 'throttled'"),
           log("error_name = 'ProxyRateLimitError'"), 29, 4),
    Figure("server errors", attempts("error_class = 'provider_5xx'"),
           log("error_name = 'InternalServerError'"), 20, 4),
    Figure("content filter", attempts("error_class = 'content_filter'"),
           log("error_name = 'BadRequestError'"), 15, 4),
    Figure("caller's errors", attempts("error_class = 'client'"),
           log("error_name in ('KeyNotFoundError', 'ContextWindowExceededError')"), 15, 8),
    Figure("no error", attempts("error_class = 'none'"),
           log("status = 'success' and error_name is null"), 2238, 153),
    # Trap 5: a disconnect is logged as a success with full usage.
    Figure("disconnects", attempts("status = 'client_cancelled'"),
           log("error_name = 'ClientDisconnected'"), 15, 4),
    Figure("spend of disconnects", attempts("status = 'client_cancelled'", REPORTED),
           log("error_name = 'ClientDisconnected'", SPENT),
           Decimal("0.015046"), Decimal("0.0045525")),
    Figure("disconnects are waste", attempts("waste_reason = 'W03'"),
           log("error_name = 'ClientDisconnected'"), 15, 4),
    # Trap 6: the smallest budget, 0.05, is overshot before it rejects.
    Figure("spend of the limited key",
           attempts("api_key_hash = (select min(api_key_hash) from fct_attempts where "
                    "api_key_hash like '25ddae33%')", REPORTED),
           log("api_key like '25ddae33%'", SPENT), Decimal("0.05287"), Decimal("0.05287")),
    # Trap 7: a call is counted once whatever its tags, and tags of the gateway are dropped.
    Figure("user-agent tags", attempts("request_tags like '%User-Agent%'"), log("false"), 0, 0),
    # Trap 8: most session ids are made up.
    Figure("real sessions", attempts("is_session_explicit", "count(distinct session_id)"),
           log("not regexp_full_match(session_id, '[0-9a-f]{32}') "
               "and not (status = 'failure' and retries is null)",
               "count(distinct session_id)"), 195, 24),
    Figure("calls of real sessions", attempts("is_session_explicit"),
           log("not regexp_full_match(session_id, '[0-9a-f]{32}') "
               "and not (status = 'failure' and retries is null)"), 762, 39),
    Figure("calls of made-up sessions", attempts("not is_session_explicit"),
           log("regexp_full_match(session_id, '[0-9a-f]{32}') "
               "or status = 'failure' and retries is null"), 1616, 146),
    # Trap 12: committed calls that the gateway priced at 0 by half.
    Figure("provisioned calls on which spend leaks",
           attempts("model_requested = 'gpt-4o-ptu' and attempt_role = 'primary' "
                    "and request_tags not like '%phase:ptu%'"),
           log("model_group = 'gpt-4o-ptu' and request_tags not like '%phase:ptu%'"),
           110, 5),
    Figure("spend of provisioned calls",
           attempts("model_requested = 'gpt-4o-ptu' and attempt_role = 'primary'", REPORTED),
           log("model_group = 'gpt-4o-ptu' and not is_spill", SPENT),
           Decimal("0.28464"), Decimal("0.01488")),
    Figure("provisioned calls that the gateway priced at 0",
           attempts("model_requested = 'gpt-4o-ptu' and attempt_role = 'primary' "
                    "and request_tags like '%phase:ptu%' and gateway_reported_cost_usd = 0"),
           log("model_group = 'gpt-4o-ptu' and request_tags like '%phase:ptu%' "
               "and not is_spill"), 64, 3),
    Figure("spill", attempts("attempt_role = 'spill' and pricing_mode = 'committed_spill'"),
           log("is_spill"), 16, 8),
    Figure("spend of spill", attempts("attempt_role = 'spill'", REPORTED), log("is_spill", SPENT),
           Decimal("0.111425"), Decimal("0.05403")),
    # Trap 13: self-hosted calls cost an unknown amount, not 0.
    Figure("self-hosted calls without a price",
           attempts("provider_id = 'hosted_vllm' and contracted_cost_usd is null "
                    "and unpriced_reason = 'unknown_model'"),
           log("custom_llm_provider = 'hosted_vllm'"), 90, 4),
    Figure("everything else has a price", attempts("unpriced_reason is not null"),
           log("custom_llm_provider = 'hosted_vllm'"), 90, 4),
    # Trap 14: no tier in the breakdown means the standard one.
    Figure("flex", attempts("pricing_mode = 'flex'"), log("tier = 'flex'"), 74, 16),
    Figure("priority", attempts("pricing_mode = 'priority'"), log("tier = 'priority'"), 22, 4),
    Figure("on demand", attempts("pricing_mode = 'on_demand'"),
           log("tier is null and not is_spill"), 2266, 157),
    # More that the rows show.
    Figure("streamed", attempts("is_streamed"), log('"completionStartTime" < "endTime"'),
           767, 47),
    Figure("time to first token is of streams alone",
           attempts("time_to_first_token_seconds is not null and not is_streamed"),
           log("false"), 0, 0),
    Figure("embeddings", attempts("operation = 'embeddings'"), log("call_type = 'aembedding'"),
           120, 4),
    Figure("reasoning above output", attempts("quality_flags like '%REASONING_ABOVE_OUTPUT%'"),
           log("reasoning > completion_tokens"), 14, 5),
    Figure("reasoning in excess",
           attempts("reasoning_tokens > output_tokens",
                    total("reasoning_tokens - output_tokens")),
           log("reasoning > completion_tokens", total("reasoning - completion_tokens")),
           450, 172),
    Figure("provider response ids", attempts("provider_response_id is not null"),
           log("cache_hit <> 'True' and status = 'success' and call_type <> 'aembedding'"),
           2102, 148),
    Figure("agent calls", attempts("component_id = 'resolver-v3'"), log("agent is not null"),
           321, 25),
    Figure("agent runs",
           attempts("component_id is not null", "count(distinct run_id)"),
           log("true", "count(distinct run_id)"), 45, 10),
    Figure("cost center tags of callers",
           "select count(cost_center_tag) from stg_litellm__requests",
           log("cost_center is not null"), 1182, 62),
    Figure("interactions made up from one call",
           attempts("quality_flags like '%SYNTH_INTERACTION%'"),
           log("interaction_id is null and run_id is null"), 1656, 150),
    Figure("interactions", "select count(*) from fct_interactions",
           log("true", "count(distinct coalesce(interaction_id, run_id, request_id))"),
           1811, 170),
    Figure("end users", attempts("user_pseudonym is not null"), log("end_user <> ''"), 786, 48),
    Figure("end users in clear", attempts("user_pseudonym like '%cust-%'"), log("false"), 0, 0),
    # Nothing is dropped on the way.
    Figure("received", "select received_rows from rpt_source_freshness", log("true"), 2378, 185),
    Figure("accepted", "select accepted_rows from rpt_source_freshness", log("true"), 2378, 185),
    Figure("quarantined", "select count(*) from rpt_quarantined_records", log("false"), 0, 0),
]  # fmt: skip


def raw_value(path: Path, query: str) -> Any:
    with duckdb.connect() as connection:
        connection.execute(RAW_VIEW.replace("{path}", str(path)))
        return connection.execute(query).fetchall()[0][0]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_slice(slice_build: DbtRun, figure: Figure) -> None:
    built = slice_build.value(figure.marts)
    assert built == raw_value(LOG_SLICE / "litellm" / "spend_logs.parquet", figure.raw)
    assert built == figure.slice


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_complete_log(real_log_build: DbtRun, real_data: Path, figure: Figure) -> None:
    built = real_log_build.value(figure.marts)
    path = real_data / "litellm_proxy" / "LiteLLM_SpendLogs.parquet"
    assert built == raw_value(path, figure.raw)
    assert built == figure.complete


# ---------------------------------------------------------------------------
# Our cost against the gateway's, by cause
# ---------------------------------------------------------------------------

# First cause that holds for a call whose two costs differ.
CAUSES = """
    select
        case
            when contracted_cost_usd is null then 'self-hosted: unpriced, gateway says 0'
            when quality_flags like '%REASONING_ABOVE_OUTPUT%'
                then 'gateway charges more reasoning than output'
            when model_requested = 'gpt-4o-ptu' and request_tags like '%phase:ptu%'
                then 'provisioned: gateway says 0'
            when model_requested = 'gpt-4o-ptu' then 'provisioned: gateway prices cache reads only'
            else 'unknown'
        end as cause,
        count(*) as calls,
        sum(contracted_cost_usd) - sum(gateway_reported_cost_usd) as difference_usd
    from fct_attempts
    where contracted_cost_usd is distinct from gateway_reported_cost_usd
    group by cause
    order by cause
"""


def by_cause(run: DbtRun) -> dict[str, tuple[int, Decimal | None]]:
    return {cause: (calls, difference) for cause, calls, difference in run.rows(CAUSES)}


def test_complete_log_costs_differ_from_the_gateway_for_known_causes(
    real_log_build: DbtRun,
) -> None:
    assert by_cause(real_log_build) == {
        "gateway charges more reasoning than output": (14, Decimal("-0.00216")),
        "provisioned: gateway prices cache reads only": (110, Decimal("0.5323225")),
        "provisioned: gateway says 0": (64, Decimal("0.474985")),
        "self-hosted: unpriced, gateway says 0": (90, None),
    }
    ours = real_log_build.value("select sum(contracted_cost_usd) from fct_attempts")
    assert ours == Decimal("7.599759365") + Decimal("1.0051475")


def test_slice_costs_differ_from_the_gateway_for_known_causes(slice_build: DbtRun) -> None:
    assert by_cause(slice_build) == {
        "gateway charges more reasoning than output": (5, Decimal("-0.00073")),
        "provisioned: gateway prices cache reads only": (5, Decimal("0.031185")),
        "provisioned: gateway says 0": (3, Decimal("0.0174025")),
        "self-hosted: unpriced, gateway says 0": (4, None),
    }
    ours = slice_build.value("select sum(contracted_cost_usd) from fct_attempts")
    assert ours == Decimal("0.68153864") + Decimal("0.0478575")


def test_adding_the_parts_of_the_cost_breakdown_gives_a_number_we_never_show(
    real_log_build: DbtRun, real_data: Path
) -> None:
    naive = raw_value(
        real_data / "litellm_proxy" / "LiteLLM_SpendLogs.parquet",
        """
        select sum(case when cache_hit = 'True' then 0 else
            spend_usd
            + coalesce(cast(metadata ->> '$.cost_breakdown.cache_read_cost' as decimal(38, 12)), 0)
            + coalesce(
                cast(metadata ->> '$.cost_breakdown.cache_creation_cost' as decimal(38, 12)), 0
            )
        end)
        from log
        """,
    )
    assert naive == Decimal("8.88388439")
    for column in ("contracted_cost_usd", "list_cost_usd", "effective_cost_usd",
                   "gateway_reported_cost_usd"):  # fmt: skip
        shown = real_log_build.value(f"select sum({column}) from fct_attempts")
        assert round(shown, 3) != round(naive, 3)
