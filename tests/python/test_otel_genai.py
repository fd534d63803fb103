"""Real spans of a client and a gateway: every known trap of them, counted after the connector.

The complete spans need AI_FINOPS_REAL_DATA_PATH; their slice runs everywhere. Each figure is
counted in what the connector made, counted in the raw spans by a query of its own, and written down
here.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt_runs import PROJECT, SAMPLE_DATA, DbtRun, run_dbt

SPAN_SLICE = PROJECT / "tests" / "fixtures" / "otel_genai"
REQUESTS = "int_otel_genai_requests_placed"
CANARY = "CANARY-7f3a-do-not-copy"

SPAN_TYPES = {
    "trace_id": "varchar",
    "span_id": "varchar",
    "parent_span_id": "varchar",
    "name": "varchar",
    "kind": "integer",
    "start_time_unix_nano": "bigint",
    "end_time_unix_nano": "bigint",
    "status_code": "integer",
    "scope_name": "varchar",
    "scope_version": "varchar",
    "schema_url": "varchar",
    "resource_attributes": "varchar",
    "attributes": "varchar",
}

# The raw spans with the attributes that the figures look at.
RAW_VIEW = """
    create view spans as
    select
        * exclude (attributes),
        attributes ->> '$."gen_ai.operation.name"' as operation,
        attributes ->> '$."gen_ai.response.id"' as response_id,
        attributes ->> '$."litellm.call_id"' as call_id,
        attributes ->> '$."error.type"' as error_type,
        attributes ->> '$."gen_ai.system"' as system_name,
        attributes ->> '$."gen_ai.conversation.id"' as conversation,
        attributes ->> '$."metadata.user_api_key_end_user_id"' as end_user,
        cast(attributes ->> '$."server.port"' as bigint) as port,
        cast(attributes ->> '$."gen_ai.usage.input_tokens"' as bigint) as input_tokens,
        cast(attributes ->> '$."gen_ai.usage.output_tokens"' as bigint) as output_tokens,
        cast(attributes ->> '$."gen_ai.usage.cache_read.input_tokens"' as bigint) as cached,
        cast(attributes ->> '$."gen_ai.usage.reasoning.output_tokens"' as bigint) as reasoning,
        cast(attributes ->> '$."gen_ai.cost.total_cost"' as decimal(38, 12)) as cost_usd,
        scope_name like 'opentelemetry.instrumentation.%' as is_client,
        name = 'litellm_request' as is_gateway
    from '{spans}'
"""


@dataclass(frozen=True)
class Figure:
    """One known figure: how to count it in the requests and in the raw spans, and what it is."""

    name: str
    requests: str
    raw: str
    complete: Any
    slice: Any


def requests(condition: str, measure: str = "count(*)") -> str:
    return f"select {measure} from {REQUESTS} where {condition}"


def spans(condition: str, measure: str = "count(*)") -> str:
    return f"select {measure} from spans where {condition}"


def total(column: str) -> str:
    return f"cast(sum({column}) as bigint)"


CLIENT = "attempt_grain = 'attempt'"
GATEWAY = "attempt_grain = 'call'"
THROUGH_GATEWAY = (
    f"{CLIENT} and provider_response_id in"
    f" (select provider_response_id from {REQUESTS} where {GATEWAY})"
)
RAW_THROUGH_GATEWAY = (
    "is_client and response_id in (select response_id from spans where is_gateway)"
)

FIGURES = [
    # O1: one call, seen by client and gateway, joins on the response id alone.
    Figure("seen twice", requests(THROUGH_GATEWAY), spans(RAW_THROUGH_GATEWAY), 114, 12),
    Figure("traces seen by both", requests(f"{THROUGH_GATEWAY} and run_id in"
           f" (select run_id from {REQUESTS} where {GATEWAY})"),
           spans(f"{RAW_THROUGH_GATEWAY} and trace_id in"
           " (select trace_id from spans where is_gateway)"), 0, 0),
    # O2: what the gateway did not see went past it and stays.
    Figure("past the gateway", requests(f"{CLIENT} and not coalesce({THROUGH_GATEWAY}, false)"),
           spans("is_client and port = 54401"), 68, 19),
    Figure("input past the gateway",
           requests(f"{CLIENT} and not coalesce({THROUGH_GATEWAY}, false)",
                    total("context_tokens")),
           spans("is_client and port = 54401", total("input_tokens")), 159878, 43836),
    Figure("output past the gateway",
           requests(f"{CLIENT} and not coalesce({THROUGH_GATEWAY}, false)",
                    total("output_tokens")),
           spans("is_client and port = 54401", total("output_tokens")), 14971, 4524),
    # O3: spans of agents, workflows and tools are no calls.
    Figure("client calls", requests(CLIENT), spans("is_client"), 182, 31),
    Figure("client chats", requests(f"{CLIENT} and operation = 'chat'"),
           spans("is_client and operation = 'chat'"), 176, 29),
    Figure("client calls with usage", requests(f"{CLIENT} and usage_source = 'provider'"),
           spans("is_client and input_tokens is not null"), 177, 29),
    Figure("client input", requests(CLIENT, total("context_tokens")),
           spans("is_client", total("input_tokens")), 530440, 80282),
    # O4: an error has no usage and no response id.
    Figure("client errors", requests(f"{CLIENT} and status = 'provider_error'"
           " and error_class = 'throttled' and usage_source = 'none'"
           " and provider_response_id is null and context_tokens = 0"),
           spans("is_client and error_type is not null"), 5, 2),
    # O5: cache and reasoning are absent when zero.
    Figure("cache reads", requests(CLIENT, total("cache_read_tokens")),
           spans("is_client", total("cached")), 18688, 3328),
    Figure("uncached input", requests(CLIENT, total("input_uncached_tokens")),
           spans("is_client", total("input_tokens - coalesce(cached, 0)")), 511752, 76954),
    Figure("reasoning, inside output", requests(CLIENT, total("reasoning_tokens")),
           spans("is_client", total("reasoning")), 4672, 1088),
    Figure("client output", requests(CLIENT, total("output_tokens")),
           spans("is_client", total("output_tokens")), 40477, 7226),
    # O6: one gateway span per call and one more per recovered call.
    Figure("gateway spans", requests(GATEWAY), spans("is_gateway"), 2437, 41),
    Figure("gateway errors", requests(f"{GATEWAY} and status = 'provider_error'"
           " and provider_response_id is null and usage_source = 'none'"),
           spans("is_gateway and error_type is not null"), 184, 9),
    Figure("gateway throttled", requests(f"{GATEWAY} and error_class = 'throttled'"),
           spans("is_gateway and error_type in ('RateLimitError', 'ProxyRateLimitError')"), 99, 4),
    Figure("gateway output", requests(GATEWAY, total("output_tokens")),
           spans("is_gateway", total("output_tokens")), 393084, 5316),
    # O7: without cache attributes the whole prompt looks uncached.
    Figure("gateway cache reads", requests(GATEWAY, total("cache_read_tokens")),
           spans("is_gateway", total("coalesce(cached, 0)")), 0, 0),
    Figure("gateway prompts", requests(GATEWAY, total("input_uncached_tokens")),
           spans("is_gateway", total("input_tokens")), 5568288, 63314),
    Figure("end users", requests("user_pseudonym like 'demo!_%' escape '!'"),
           spans("end_user <> ''"), 786, 4),
    # O8: the gateway's cost counts cached answers at full price.
    Figure("gateway cost", requests(GATEWAY, "sum(gateway_reported_cost_usd)"),
           spans("is_gateway", "sum(cost_usd)"), Decimal("7.614223865"), Decimal("0.11572753")),
    # O9: a blank provider is unknown.
    Figure("gateway spans without a provider", requests(f"{GATEWAY} and provider_id is null"),
           spans("is_gateway and system_name = ''"), 230, 6),
    Figure("gateway embeddings", requests(f"{GATEWAY} and operation = 'embeddings'"
           " and provider_response_id is null"),
           spans("is_gateway and operation = 'aembedding'"), 120, 2),
    # The tree above the calls.
    Figure("interactions", requests(CLIENT, "count(distinct interaction_id)"),
           spans("operation = 'invoke_workflow' or is_client and parent_span_id is null"),
           66, 13),
    Figure("conversations", requests("is_session_explicit", "count(distinct session_id)"),
           spans("true", "count(distinct conversation)"), 60, 11),
    Figure("calls below the agent", requests("component_id = 'resolver-v3'"
           " and workflow_id = 'refund_triage' and interaction_type = 'agent_task'"),
           spans("is_client and operation = 'chat'"), 176, 29),
]  # fmt: skip


def attribute_value(wrapped: dict[str, Any]) -> Any:
    """A value out of its OTLP/JSON wrapper; 64-bit integers are text there."""
    ((kind, value),) = wrapped.items()
    if kind == "intValue":
        return int(value)
    if kind == "arrayValue":
        return [attribute_value(member) for member in value.get("values", [])]
    return value


def attribute_text(attributes: list[dict[str, Any]]) -> str:
    """OTLP attributes as the JSON text of one object."""
    return json.dumps({one["key"]: attribute_value(one["value"]) for one in attributes})


def flattened(trace_file: Path) -> Iterator[tuple[Any, ...]]:
    """Rows of `otel_genai/spans` out of a gzipped file of OTLP/JSON lines."""
    with gzip.open(trace_file, "rt", encoding="utf-8") as lines:
        for line in lines:
            for resource_spans in json.loads(line)["resourceSpans"]:
                resource = attribute_text(resource_spans["resource"]["attributes"])
                for scope_spans in resource_spans["scopeSpans"]:
                    scope = scope_spans.get("scope", {})
                    for span in scope_spans["spans"]:
                        yield (
                            span["traceId"],
                            span["spanId"],
                            span.get("parentSpanId"),
                            span["name"],
                            span.get("kind"),
                            int(span["startTimeUnixNano"]),
                            int(span["endTimeUnixNano"]),
                            span.get("status", {}).get("code"),
                            scope.get("name"),
                            scope.get("version"),
                            scope_spans.get("schemaUrl"),
                            resource,
                            attribute_text(span.get("attributes", [])),
                        )


def write_spans(rows: list[tuple[Any, ...]], raw_path: Path) -> None:
    """The raw folder of spans, one Parquet file in it."""
    (raw_path / "otel_genai").mkdir(parents=True)
    columns = ", ".join(f"{name} {kind}" for name, kind in SPAN_TYPES.items())
    with duckdb.connect() as connection:
        connection.execute(f"create table spans ({columns})")
        places = ", ".join("?" * len(SPAN_TYPES))
        connection.executemany(f"insert into spans values ({places})", rows)
        connection.execute(f"copy spans to '{raw_path}/otel_genai/spans.parquet'")


def build_requests(workspace: Path, raw_path: Path, **settings: str) -> DbtRun:
    """The connector and what it reads, without tests."""
    run = run_dbt(
        ["build", "--exclude-resource-type", "test", "unit_test", "--select", f"+{REQUESTS}"],
        workspace,
        raw_path=raw_path,
        variables={"sources": ["otel_genai"]},
        settings=dict(settings),
    )
    assert run.succeeded, run.error or run.failures()
    return run


@pytest.fixture(scope="module")
def slice_run(tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """The connector on the committed slice."""
    return build_requests(tmp_path_factory.mktemp("span_slice"), SPAN_SLICE)


@pytest.fixture(scope="module")
def real_spans(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Path:
    """A raw folder with the complete real spans and the spend log of the same traffic."""
    raw_path = tmp_path_factory.mktemp("real_spans")
    files = sorted((real_data / "otel_genai").glob("*_traces.otlp.jsonl.gz"))
    write_spans([row for trace_file in files for row in flattened(trace_file)], raw_path)
    (raw_path / "litellm").mkdir()
    log = real_data / "litellm_proxy" / "LiteLLM_SpendLogs.parquet"
    (raw_path / "litellm" / "spend_logs.parquet").write_bytes(log.read_bytes())
    return raw_path


@pytest.fixture(scope="module")
def real_run(tmp_path_factory: pytest.TempPathFactory, real_spans: Path) -> DbtRun:
    """The connector on the complete real spans."""
    return build_requests(tmp_path_factory.mktemp("real_run"), real_spans)


def raw_value(raw_path: Path, query: str) -> Any:
    """The first value of a query on the raw spans."""
    with duckdb.connect() as connection:
        connection.execute(RAW_VIEW.format(spans=raw_path / "otel_genai" / "spans.parquet"))
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


# Known figures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_the_slice_keeps_its_known_figures(figure: Figure, slice_run: DbtRun) -> None:
    assert (slice_run.value(figure.requests), raw_value(SPAN_SLICE, figure.raw)) == (
        figure.slice,
        figure.slice,
    )


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_the_real_spans_keep_their_known_figures(
    figure: Figure, real_run: DbtRun, real_spans: Path
) -> None:
    assert (real_run.value(figure.requests), raw_value(real_spans, figure.raw)) == (
        figure.complete,
        figure.complete,
    )


# One call, three records --------------------------------------------------------------------------


def test_client_and_gateway_agree_on_the_calls_that_both_saw(slice_run: DbtRun) -> None:
    differences = slice_run.rows(
        f"""
        select client.provider_response_id
        from {REQUESTS} as client
        inner join {REQUESTS} as gateway using (provider_response_id)
        where
            client.attempt_grain = 'attempt' and gateway.attempt_grain = 'call'
            and (client.context_tokens, client.output_tokens)
                <> (gateway.context_tokens, gateway.output_tokens)
        """
    )
    assert differences == []


def test_client_spans_join_the_spend_log_and_agree_with_it(
    real_run: DbtRun, real_spans: Path
) -> None:
    [found] = real_run.rows(
        f"""
        select
            count(*),
            count(*) filter (
                requests.context_tokens = log.prompt_tokens
                and requests.output_tokens = log.completion_tokens
                and requests.cache_read_tokens = cast(coalesce(
                    log.metadata ->> '$.usage_object.prompt_tokens_details.cached_tokens', '0'
                ) as bigint)
            ),
            sum(cast(log.spend as decimal(38, 12)))
        from {REQUESTS} as requests
        inner join '{real_spans}/litellm/spend_logs.parquet' as log
            on requests.provider_response_id = log.request_id
        where requests.attempt_grain = 'attempt'
        """
    )
    assert found == (114, 114, Decimal("0.408905125"))


def test_of_client_gateway_and_log_the_log_alone_bears_the_cost(
    tmp_path: Path, real_spans: Path
) -> None:
    run = run_dbt(
        ["build", "--exclude-resource-type", "test", "unit_test", "--select", "+fct_attempts"],
        tmp_path,
        raw_path=real_spans,
        variables={"sources": ["litellm", "otel_genai"]},
    )
    assert run.succeeded, run.error or run.failures()
    bearers = run.rows(
        """
        select records, bearing, bearing_source, count(*)
        from (
            select
                count(*) as records,
                count(*) filter (is_cost_bearing) as bearing,
                max(source_name) filter (is_cost_bearing) as bearing_source
            from fct_attempts
            where provider_response_id is not null
            group by provider_response_id
            having count(*) > 1
        ) as shared
        group by all
        order by all
        """
    )
    # A replay from the cache repeats the id of its original in the gateway's spans.
    assert {(bearing, source) for _, bearing, source, _ in bearers} == {(1, "litellm")}
    assert sum(responses for *_, responses in bearers) == 2102


# Recovered calls and gateway values ---------------------------------------------------------------


def test_a_recovered_call_is_two_gateway_rows_of_which_one_answered(slice_run: DbtRun) -> None:
    with duckdb.connect() as connection:
        connection.execute(RAW_VIEW.format(spans=SPAN_SLICE / "otel_genai" / "spans.parquet"))
        connection.execute(f"attach '{slice_run.database}' as built (read_only)")
        recovered = connection.execute(
            f"""
            select list(requests.status order by requests.status), count(provider_response_id)
            from spans
            inner join built.{REQUESTS} as requests
                on spans.trace_id || spans.span_id = requests.source_record_id
            where call_id is not null
            group by call_id
            having count(*) > 1
            """
        ).fetchall()
    assert recovered == [(["provider_error", "success"], 1)] * 5


def test_a_gateway_alias_never_stands_for_a_model(slice_run: DbtRun) -> None:
    served = {name for (name,) in slice_run.rows(f"select distinct model_served from {REQUESTS}")}
    assert "claude-sonnet-4-5-20250929" in served
    assert served & {"claude-sonnet", "claude-haiku", "llama-internal", "gpt-4o-ptu"} == set()


# Shape and privacy --------------------------------------------------------------------------------


def test_both_relations_have_the_columns_and_types_of_every_gateway(sample_build: DbtRun) -> None:
    shapes = [
        sample_build.rows(
            "select column_name, data_type from duckdb_columns()"
            f" where table_name = '{relation}' order by column_index"
        )
        for relation in ("stg_litellm__requests", "stg_otel_genai__requests", REQUESTS)
    ]
    assert len(shapes[0]) == 62
    assert shapes[0] == shapes[1] == shapes[2]


def test_only_listed_attributes_leave_the_source(slice_run: DbtRun) -> None:
    raw = (SPAN_SLICE / "otel_genai" / "spans.parquet").as_posix()
    planted = [CANARY, "ana@example.com", "cust-00"]
    for text in planted:
        found = duckdb.execute(
            f"select count(*) from '{raw}' where contains(attributes, '{text}')"
        ).fetchone()
        assert found is not None and found[0] > 0, f"{text} is not in the raw spans"
    for relation in ("stg_otel_genai__spans", "stg_otel_genai__requests", REQUESTS):
        rows = slice_run.rows(f"select cast(everything as varchar) from {relation} as everything")
        assert rows
        for text in planted:
            assert not any(text in row for (row,) in rows), f"{text} in {relation}"


def test_every_attribute_that_is_read_is_listed_where_it_leaves_the_source() -> None:
    def keys(path: str) -> set[str]:
        text = (PROJECT / path).read_text()
        return set(re.findall(r"'([a-z_]+(?:\.[a-z_]+)+|cost_center)'", text))

    listed = keys("models/staging/otel_genai/stg_otel_genai__spans.sql")
    read = keys("models/staging/otel_genai/stg_otel_genai__requests.sql") | keys(
        f"models/intermediate/requests/{REQUESTS}.sql"
    )
    assert read - listed == set()
    assert listed - read == {"metadata.user_api_key_end_user_id"}, "leaves as a pseudonym only"


# The sample company -------------------------------------------------------------------------------


def test_the_claims_agent_and_the_traced_day_of_support_chat_are_whole(
    sample_build: DbtRun,
) -> None:
    found = sample_build.rows(
        f"""
        select
            application_id, workflow_id, component_id, component_version, count(*),
            count(distinct interaction_id), count(distinct case_key)
        from {REQUESTS}
        group by all
        order by all
        """
    )
    agent = ("claims-intake-agent", "claims-intake")
    assert found == [
        (*agent, "claims-intake-agent", "1.7.3", 1135, 276, 276),
        (*agent, "claims-intake-agent", "1.8.0", 1215, 5, 5),
        (*agent, "doc-extract", "2.0.0", 552, 276, 276),
        ("support-chat", None, None, None, 12, 12, 12),
    ]


def test_a_timeout_is_billed_and_its_resend_is_a_retry(sample_build: DbtRun) -> None:
    found = sample_build.rows(
        f"""
        select status, error_class, attempt_role, attempt_number, count(*), sum(context_tokens)
        from {REQUESTS}
        where error_class <> 'none' or attempt_number > 1
        group by all
        order by all
        """
    )
    assert found == [
        ("provider_error", "timeout", "primary", 1, 31, 620000),
        ("success", "none", "retry", 2, 31, 620000),
    ]


# Bad input ----------------------------------------------------------------------------------------


def test_text_files_lose_nothing_and_unreadable_calls_are_kept(tmp_path: Path) -> None:
    nanoseconds = 1_795_471_434_565_944_895
    chat = '{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": "607"}'
    rows = {
        "whole": ("chat m", chat),
        "cut": ("chat m", '{"gen_ai.operation.name": "chat", "gen_ai.usa'),
        "listed": ("chat m", '[{"key": "gen_ai.operation.name"}]'),
        "agent": ("invoke_agent m", "{"),
    }
    (tmp_path / "raw" / "otel_genai").mkdir(parents=True)
    raw_file = tmp_path / "raw" / "otel_genai" / "spans.csv"
    with raw_file.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(SPAN_TYPES)
        for span_id, (name, attributes) in rows.items():
            writer.writerow(
                [
                    *("t", span_id, "0" * 16, name, 3, nanoseconds, nanoseconds + 1_500_000_000),
                    *("", "", "", "", '{"service.name": "app"}', attributes),
                ]
            )
    run = build_requests(tmp_path / "run", tmp_path / "raw", AI_FINOPS_RAW_FORMAT="csv")
    found = run.rows(
        f"""
        select
            step_id, parent_step_id, operation, context_tokens, cache_read_tokens,
            cast(started_at as varchar), latency_seconds, ingested_at = ended_at
        from {REQUESTS}
        order by step_id
        """
    )
    at = ("2026-11-23 22:03:54.565944", Decimal("1.500"), True)
    assert found == [
        ("cut", None, "chat", None, None, *at),
        ("listed", None, "chat", None, None, *at),
        ("whole", None, "chat", 607, 0, *at),
    ]


def test_parents_in_a_circle_end_the_walk(tmp_path: Path) -> None:
    agent = '{"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": "a"}'
    chat = '{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1}'
    chain = [("t", f"agent{number}", f"agent{(number + 1) % 50}", agent) for number in range(50)]
    chain += [("t", "call", "agent7", chat), ("t", "self", "self", chat)]
    rows = [
        (trace, span, parent, "", 1, 10**18, 10**18, None, None, None, None, "{}", attributes)
        for trace, span, parent, attributes in chain
    ]
    write_spans(rows, tmp_path / "raw")
    run = build_requests(tmp_path / "run", tmp_path / "raw")
    assert run.rows(
        f"select step_id, interaction_id, parent_step_id from {REQUESTS} order by step_id"
    ) == [("call", "t", None), ("self", "t", None)]


def test_the_sample_spans_hold_what_the_tests_look_for() -> None:
    found = duckdb.execute(
        f"select count(*) from '{SAMPLE_DATA}/otel_genai/spans.parquet'"
        f" where contains(attributes, '{CANARY}')"
    ).fetchone()
    assert found is not None and found[0] > 0
