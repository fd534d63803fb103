"""The sample company holds the closed numbers of its stories, read from the raw files alone.

Nothing here uses the dbt project or the generator's truth: prices come from the contract seed,
tokens and amounts from the files, arithmetic is decimal.
"""

from __future__ import annotations

import csv
import importlib
import json
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
RAW = ROOT / "sample_data"
sys.path.insert(0, str(ROOT / "scripts"))

# The generator is a script, not an installed package.
generator = importlib.import_module("generate_sample_company")

CANARY = "CANARY-7f3a-do-not-copy"
AUGUST, SEPTEMBER, OCTOBER = "2026-08", "2026-09", "2026-10"

# Attempts that bear cost. LiteLLM keeps one row per client call, so the four failed primaries of
# the outage on 20 October are `attempted_fallbacks = 1` on the fallback's row: 11,849 - 4.
ATTEMPTS = {
    "claims-intake-agent": 1656 + 31 + 1215,
    "support-chat": 1840,
    "kb-search": 920,
    "uw-summariser": 800,
    "claims-large-loss": 276,
    "marketing-draft": 460 + 20,
    "hackathon-bot": 184,
    "fraud-score": 735,
    "file-bundle": 3634,
    "policy-search-index": 46,
    "claims-index": 28,
}

CONTROL_FIGURES = {
    # USD by UTC usage month, the pool's own calls apart; embeddings in EUR.
    "claims-intake-agent": ("203.7825", "32.805", "30.132"),
    "claims-large-loss": ("19.53", "17.01", "15.624"),
    "support-chat": ("4.719", "1.17", "1.2732"),
    "kb-search": ("96.72", "93.60", "168.72"),
    "uw-summariser": ("174.00", "247.95", "261.00"),
    "marketing-draft": ("0.4185", "0.405", "0.6385"),
    "hackathon-bot": ("0.0837", "0.081", "0.0837"),
    "fraud-score": ("1.0374", "1.008", "1.0416"),
    "file-bundle": ("0", "158.40", "0"),
    "embeddings": ("75.00", "75.00", "196.00"),
}

BILL_TOTALS = {
    "aurora-a": ("229.1175", "49.734", "189.432"),
    "aurora-b": ("5.2212", "1.656", "1.9234"),
    "borealis": ("271.7574", "14914.008", "430.8336"),
    "cirrus": ("75.00", "75.00", "196.00"),
}


def rows(pattern: str, folder: Path = RAW) -> list[dict[str, Any]]:
    """All rows of a raw table, file by file."""
    with duckdb.connect() as connection:
        result = connection.execute(
            f"select * from read_parquet('{folder / pattern}', union_by_name = true)"
        )
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.fixture(scope="module")
def spend_logs() -> list[dict[str, Any]]:
    """First delivery of every LiteLLM row."""
    return rows("litellm/spend_logs.parquet")


@pytest.fixture(scope="module")
def spans() -> list[dict[str, Any]]:
    """Every span, its attributes parsed."""
    found = rows("otel_genai/spans.parquet")
    for span in found:
        span["attributes"] = json.loads(span["attributes"])
        span["resource_attributes"] = json.loads(span["resource_attributes"])
        span["started_at"] = datetime(1970, 1, 1) + timedelta(
            microseconds=span["start_time_unix_nano"] // 1000
        )
    return found


@pytest.fixture(scope="module")
def prices() -> list[dict[str, str]]:
    """The contract price seed."""
    with (ROOT / "seeds/company/contract_prices.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def application_of(row: dict[str, Any], key_applications: dict[str, str]) -> str:
    """Caller's metadata, else the app: tag, else the key."""
    caller = json.loads(row["metadata"])["spend_logs_metadata"] or {}
    if "application" in caller:
        return caller["application"]
    for tag in json.loads(row["request_tags"]):
        if tag.startswith("app:"):
            return tag.removeprefix("app:")
    return key_applications[row["api_key"]]


def is_chat(span: dict[str, Any]) -> bool:
    return span["attributes"].get("gen_ai.operation.name") == "chat"


@pytest.fixture(scope="module")
def calls(spend_logs: list[dict[str, Any]], spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every distinct call of both gateways in one shape, client spans of gateway calls left out."""
    keys = {
        row["token"]: json.loads(row["metadata"]).get("application", "")
        for row in rows("litellm/keys.parquet")
    }
    found = []
    for row in spend_logs:
        metadata = json.loads(row["metadata"])
        usage = metadata["usage_object"]
        cached = (usage["prompt_tokens_details"] or {}).get("cached_tokens", 0)
        mode = usage.get("service_tier", "on_demand")
        if row["model_id"] == "borealis-pool-1":
            mode = "committed"
        found.append(
            {
                "application": application_of(row, keys),
                "model": metadata["model_map_information"]["model_map_key"].split("/")[1],
                "provider": row["custom_llm_provider"],
                "mode": mode,
                "started_at": row["startTime"],
                "arrived_at": row["_loaded_at"],
                "response_id": row["request_id"],
                "context": row["prompt_tokens"],
                "tokens": {
                    "input_uncached": row["prompt_tokens"] - cached,
                    "cache_read": cached,
                    "output": row["completion_tokens"],
                },
            }
        )
    logged = {call["response_id"] for call in found}
    for span in spans:
        attributes = span["attributes"]
        if not is_chat(span) or attributes["gen_ai.response.id"] in logged:
            continue
        prompt = attributes.get("gen_ai.usage.input_tokens") or attributes.get(
            "gen_ai.usage.prompt_tokens"
        )
        answer = attributes.get("gen_ai.usage.output_tokens") or attributes.get(
            "gen_ai.usage.completion_tokens"
        )
        found.append(
            {
                "application": span["resource_attributes"]["service.name"],
                "model": attributes["gen_ai.response.model"],
                "provider": attributes.get("gen_ai.provider.name")
                or attributes.get("gen_ai.system"),
                "mode": "on_demand",
                "started_at": span["started_at"],
                "arrived_at": span["_loaded_at"],
                "response_id": attributes["gen_ai.response.id"],
                "context": int(prompt),
                "tokens": {"input_uncached": int(prompt), "output": int(answer)},
            }
        )
    return found


def cost(call: dict[str, Any], prices: list[dict[str, str]]) -> Decimal:
    """Cost of a call at the contract, in contract currency; volume bands are not its business."""
    total = Decimal(0)
    for token_class, tokens in call["tokens"].items():
        if not tokens:
            continue
        matches = [
            price
            for price in prices
            if price["provider_id"] == call["provider"]
            and price["model_id"] == call["model"]
            and price["pricing_mode"] == call["mode"]
            and price["token_class"] == token_class
            and int(price["context_from_tokens"] or 0) <= call["context"]
            and call["context"] < int(price["context_until_tokens"] or 10**12)
            and price["valid_from_at"] <= str(call["started_at"]) < price["valid_until_at"]
        ]
        latest = max(price["recorded_at"] for price in matches)
        winners = [price for price in matches if price["recorded_at"] == latest]
        assert len(winners) == 1, (call, winners)
        winner = winners[0]
        total += tokens * Decimal(winner["unit_price"]) / Decimal(winner["unit_quantity"])
    return total


def month_of(moment: datetime) -> str:
    return f"{moment:%Y-%m}"


def billing_month(moment: datetime) -> str:
    """Month of an Aurora bill: Los Angeles, daylight time."""
    return month_of(moment - timedelta(hours=7))


# --- files ---------------------------------------------------------------------------------


def test_files_are_what_the_generator_writes() -> None:
    assert generator.differences(RAW) == []


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    generator.generate(tmp_path)
    (tmp_path / "finance/efforts.parquet").write_bytes(b"edited")
    (tmp_path / "litellm/teams.parquet").unlink()
    assert generator.differences(tmp_path) == [
        "finance/efforts.parquet: changed",
        "litellm/teams.parquet: missing",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first-day", "2026-08-02"),
        ("first-day", "2026-03-01"),
        ("last-day", "2026-11-30"),
        ("arrival-minutes", "0"),
        ("redelivery-minutes", "1441"),
        ("loop-steps", "262"),
        ("evaluation-interval", "1"),
    ],
)
def test_a_parameter_out_of_range_stops_with_a_message(
    name: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = generator.main(["--out", str(tmp_path), f"--{name}", value])
    assert status == 2
    assert name.replace("-", "_") in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_an_earlier_first_day_only_adds_history() -> None:
    logs = next(
        table
        for table in generator.tables(generator.Parameters(first_day=date(2026, 7, 1)))
        if table.path == "litellm/spend_logs.parquet"
    )
    same = [row for row in logs.rows if row["startTime"] >= datetime(2026, 8, 1)]
    assert len(logs.rows) > len(same)
    assert len(same) == sum(ATTEMPTS.values()) - ATTEMPTS["claims-intake-agent"]


def test_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in RAW.rglob("*.parquet")) < 5_000_000


# --- telemetry -----------------------------------------------------------------------------


def test_cost_bearing_attempts_by_application(calls: list[dict[str, Any]]) -> None:
    assert Counter(call["application"] for call in calls) == ATTEMPTS
    assert len(calls) == 11_845


def test_control_figures(calls: list[dict[str, Any]], prices: list[dict[str, str]]) -> None:
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    embedded: dict[str, int] = defaultdict(int)
    for call in calls:
        month = month_of(call["started_at"])
        if call["provider"] == "cirrus":
            embedded[month] += call["tokens"]["input_uncached"]
        elif call["mode"] != "committed":
            found[call["application"], month] += cost(call, prices)
    tiers = {
        price["volume_from_units"]: Decimal(price["unit_price"])
        for price in prices
        if price["model_id"] == "cirrus-embed"
    }
    for month, tokens in embedded.items():
        millions = Decimal(tokens) / 1_000_000
        found["embeddings", month] = (
            min(millions, Decimal(1000)) * tiers[""]
            + max(millions - 1000, Decimal(0)) * tiers["1000000000"]
        )
    for application, figures in CONTROL_FIGURES.items():
        for month, figure in zip((AUGUST, SEPTEMBER, OCTOBER), figures, strict=True):
            assert found[application, month] == Decimal(figure), (application, month)


def test_spend_is_evidence_close_to_the_contract(
    spend_logs: list[dict[str, Any]],
) -> None:
    uw = [row for row in spend_logs if row["model_id"] == "borealis-pro-batch"]
    assert {row["spend"] for row in uw} == {0.87}
    assert {row["spend"] for row in spend_logs if row["model_id"] == "borealis-pool-1"} == {3.6}


def test_s01_loop(spans: list[dict[str, Any]], prices: list[dict[str, str]]) -> None:
    agents = {
        span["trace_id"]
        for span in spans
        if span["attributes"].get("gen_ai.agent.version") == "1.8.0"
    }
    steps = [span for span in spans if span["trace_id"] in agents and is_chat(span)]
    assert (len(agents), len(steps)) == (5, 1215)
    per_run = Counter(
        (span["trace_id"], span["attributes"]["ai_finops.request_fingerprint"]) for span in steps
    )
    assert set(per_run.values()) == {243}
    assert min(s["started_at"] for s in steps) == datetime(2026, 8, 19, 2)
    assert max(s["started_at"] for s in steps) < datetime(2026, 8, 19, 6)
    other = Counter(
        (span["trace_id"], span["attributes"]["ai_finops.request_fingerprint"])
        for span in spans
        if is_chat(span) and span["trace_id"] not in agents
    )
    assert max(other.values()) == 2
    assert sum(1 for count in other.values() if count == 2) == 31


def test_s03_pool_hours(spend_logs: list[dict[str, Any]]) -> None:
    demand = Counter(
        row["startTime"].replace(minute=0)
        for row in spend_logs
        if "file-bundle-prod" in row["metadata"]
    )
    assert Counter(demand.values()) == {3: 368, 5: 88, 7: 176, 9: 66, 12: 22}
    spilled = [row for row in spend_logs if "borealis-pool-1" in row["metadata"]]
    assert len(spilled) == 44
    assert {row["model_id"] for row in spilled} == {"borealis-pro-01"}
    assert sum(1 for row in spend_logs if row["model_id"] == "borealis-pool-1") == 3590


def test_s05_support_chat_success() -> None:
    resolved = [
        row for row in rows("business/outcomes.parquet") if row["outcome_type"] == "ticket_resolved"
    ]
    days = Counter(row["occurred_at"].date().isoformat() for row in resolved)
    assert sum(count for day, count in days.items() if "2026-08-01" <= day <= "2026-08-10") == 180
    assert sum(count for day, count in days.items() if "2026-08-11" <= day <= "2026-08-20") == 156


def test_s09_fallbacks(spend_logs: list[dict[str, Any]]) -> None:
    fallen = [row for row in spend_logs if json.loads(row["metadata"])["attempted_fallbacks"]]
    assert [row["startTime"] for row in fallen] == [
        datetime(2026, 10, 20, 10) + timedelta(minutes=30 * n) for n in range(4)
    ]
    assert {row["model_group"] for row in fallen} == {"borealis-pro"}
    window = [
        row["custom_llm_provider"]
        for row in spend_logs
        if datetime(2026, 10, 20, 10) <= row["startTime"] < datetime(2026, 10, 20, 12)
    ]
    assert "aurora" not in window
    # Success kept: each of the four tickets was resolved.
    keys = {json.loads(row["metadata"])["spend_logs_metadata"]["case_key"] for row in fallen}
    assert keys <= {row["case_key"] for row in rows("business/outcomes.parquet")}


def test_s11_redelivery_and_client_spans(
    spend_logs: list[dict[str, Any]], spans: list[dict[str, Any]]
) -> None:
    copies = rows("litellm/spend_logs_redelivered_*.parquet")
    originals = {row["request_id"]: row for row in spend_logs}
    assert len(originals) == len(spend_logs)
    for copy in copies:
        original = originals[copy["request_id"]]
        assert copy["_loaded_at"] - original["_loaded_at"] == timedelta(hours=1)
        assert copy == original | {"_loaded_at": copy["_loaded_at"]}
    aliases = Counter(json.loads(copy["metadata"])["user_api_key_alias"] for copy in copies)
    assert aliases == {
        "file-bundle-prod": 12,
        "support-chat-prod": 2,
        "kb-search-prod": 1,
        "marketing-draft-prod": 1,
    }
    twins = [
        span
        for span in spans
        if is_chat(span) and span["attributes"]["gen_ai.response.id"] in originals
    ]
    assert len(twins) == 12
    for twin in twins:
        original = originals[twin["attributes"]["gen_ai.response.id"]]
        assert twin["resource_attributes"]["service.name"] == "support-chat"
        assert twin["started_at"] == original["startTime"]
        assert twin["attributes"]["gen_ai.usage.input_tokens"] == original["prompt_tokens"]
        assert twin["attributes"]["gen_ai.usage.output_tokens"] == original["completion_tokens"]


def test_s13_late_rows(calls: list[dict[str, Any]], prices: list[dict[str, str]]) -> None:
    late = [call for call in calls if call["arrived_at"] == datetime(2026, 10, 7, 9)]
    assert len(late) == 30
    assert sum(cost(call, prices) for call in late) == Decimal("1.62")
    assert Counter(call["started_at"].day for call in late) == {29: 12, 30: 18}
    rest = [call for call in calls if call["arrived_at"] != datetime(2026, 10, 7, 9)]
    assert max(call["arrived_at"] - call["started_at"] for call in rest) < timedelta(hours=2)


def test_s18_unregistered_bot(calls: list[dict[str, Any]], prices: list[dict[str, str]]) -> None:
    bot = [call for call in calls if call["application"] == "hackathon-bot"]
    assert len(bot) == 184
    assert sum(cost(call, prices) for call in bot) == Decimal("0.2484")


def test_s19_blocked_drafts(spend_logs: list[dict[str, Any]]) -> None:
    violations = [
        row for row in rows("business/policy_events.parquet") if row["check_result"] == "violation"
    ]
    assert [row["occurred_at"].date().isoformat() for row in violations] == [
        f"2026-09-{day:02d}" for day in range(7, 16)
    ]
    blocked = {row["interaction_id"] for row in violations}
    found = [
        row
        for row in spend_logs
        if (json.loads(row["metadata"])["spend_logs_metadata"] or {}).get("interaction_id")
        in blocked
    ]
    assert len(found) == 9
    assert {row["status"] for row in found} == {"success"}
    assert sum(Decimal(str(row["spend"])) for row in found) == Decimal("0.0243")


def test_s20_nano_before_its_price(
    calls: list[dict[str, Any]], prices: list[dict[str, str]]
) -> None:
    nano = [call for call in calls if call["model"] == "aurora-nano"]
    assert len(nano) == 10
    assert sum(1 for call in nano if call["arrived_at"] <= datetime(2026, 10, 29)) == 5
    assert sum(cost(call, prices) for call in nano) == Decimal("0.004")
    recorded = {price["recorded_at"] for price in prices if price["model_id"] == "aurora-nano"}
    assert recorded == {"2026-10-30 12:00:00"}


def test_s21_component_steps(spend_logs: list[dict[str, Any]], spans: list[dict[str, Any]]) -> None:
    nested = {
        (span["trace_id"], span["span_id"])
        for span in spans
        if span["attributes"].get("gen_ai.agent.id") == "doc-extract"
    }
    claims = Counter(
        month_of(span["started_at"])
        for span in spans
        if is_chat(span) and (span["trace_id"], span["parent_span_id"]) in nested
    )
    assert claims == {AUGUST: 186, SEPTEMBER: 180, OCTOBER: 186}
    underwriting = Counter(
        month_of(row["startTime"])
        for row in spend_logs
        if '"agent": "doc-extract"' in row["metadata"]
    )
    assert underwriting == {AUGUST: 200, SEPTEMBER: 300, OCTOBER: 300}


def test_s22_spend_at_mid_october(
    calls: list[dict[str, Any]], prices: list[dict[str, str]]
) -> None:
    to_date: dict[str, Decimal] = defaultdict(Decimal)
    for call in calls:
        is_wanted = call["application"] in ("support-chat", "kb-search", "uw-summariser")
        if is_wanted and datetime(2026, 10, 1) <= call["started_at"] < datetime(2026, 10, 16):
            to_date[call["application"]] += cost(call, prices)
    assert to_date["support-chat"] + to_date["kb-search"] == Decimal("61.785")
    assert to_date["uw-summariser"] == Decimal("143.55")


def test_s23_claims_completed() -> None:
    months = Counter(
        month_of(row["occurred_at"])
        for row in rows("business/outcomes.parquet")
        if row["outcome_type"] == "claim_completed"
    )
    assert months == {AUGUST: 90, SEPTEMBER: 84, OCTOBER: 93}


def test_every_span_has_a_parent_in_its_trace(spans: list[dict[str, Any]]) -> None:
    known = {(span["trace_id"], span["span_id"]) for span in spans}
    assert len(known) == len(spans)
    for span in spans:
        parent = span["parent_span_id"]
        assert parent is None or (span["trace_id"], parent) in known
    roots = Counter(span["name"].split()[0] for span in spans if span["parent_span_id"] is None)
    assert roots == {"invoke_workflow": 276 + 5, "chat": 12}


def test_every_interaction_was_checked(
    spend_logs: list[dict[str, Any]], spans: list[dict[str, Any]]
) -> None:
    interactions = {
        (json.loads(row["metadata"])["spend_logs_metadata"] or {}).get("interaction_id")
        or row["request_id"]
        for row in spend_logs
    } | {span["span_id"] for span in spans if "gen_ai.workflow.name" in span["attributes"]}
    checked = [row["interaction_id"] for row in rows("business/policy_events.parquet")]
    assert len(checked) == len(set(checked))
    assert set(checked) == interactions
    evaluated = {row["interaction_id"] for row in rows("business/evaluations.parquet")}
    assert evaluated < interactions


# --- privacy -------------------------------------------------------------------------------


def test_content_columns_hold_the_canary(
    spend_logs: list[dict[str, Any]], spans: list[dict[str, Any]]
) -> None:
    for row in spend_logs:
        for column in ("messages", "response", "proxy_server_request"):
            assert CANARY in row[column]
        assert row["requester_ip_address"] == "203.0.113.7"
    assert sum(CANARY in row["metadata"] for row in spend_logs) == 9
    for span in spans:
        if is_chat(span):
            assert CANARY in span["attributes"]["gen_ai.input.messages"]
            assert CANARY in span["attributes"]["gen_ai.output.messages"]
    messages = [
        s["attributes"]["error.message"] for s in spans if "error.message" in s["attributes"]
    ]
    assert len(messages) == 31
    assert all(CANARY in message for message in messages)


def test_users_are_addresses_of_the_company(spend_logs: list[dict[str, Any]]) -> None:
    users = {row["end_user"] for row in spend_logs if row["end_user"]}
    assert users
    assert all(user.endswith("@meridian.example") for user in users)
    underwriters = defaultdict(set)
    for row in spend_logs:
        if row["end_user"].startswith("underwriter"):
            underwriters[month_of(row["startTime"])].add(row["end_user"])
    assert {month: len(found) for month, found in underwriters.items()} == {
        AUGUST: 20,
        SEPTEMBER: 30,
        OCTOBER: 30,
    }


# --- bills ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def charges() -> list[dict[str, Any]]:
    """Rows of the FOCUS export."""
    return rows("focus/charges.parquet")


def test_bill_totals(charges: list[dict[str, Any]]) -> None:
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows("openai_billing/costs.parquet"):
        start = datetime(1970, 1, 1) + timedelta(seconds=row["start_time"])
        assert (start.hour, row["end_time"] - row["start_time"]) == (7, 86_400)
        assert row["amount_currency"] == "usd"
        totals["aurora-a", billing_month(start)] += Decimal(row["amount_value"])
    for row in rows("anthropic_billing/cost_report.parquet"):
        start = datetime.strptime(row["starting_at"], "%Y-%m-%dT%H:%M:%SZ")
        assert start.hour == 7
        totals["aurora-b", billing_month(start)] += Decimal(row["amount"]) / 100
    for row in charges:
        if row["ChargeCategory"] != "Credit":
            month = month_of(row["BillingPeriodStart"])
            totals[row["BillingAccountId"], month] += row["BilledCost"]
    for account, figures in BILL_TOTALS.items():
        for month, figure in zip((AUGUST, SEPTEMBER, OCTOBER), figures, strict=True):
            assert totals[account, month] == Decimal(figure), (account, month)
    assert set(totals) == {
        (account, month) for account in BILL_TOTALS for month in (AUGUST, SEPTEMBER, OCTOBER)
    }


def test_bills_differ_from_telemetry_only_where_planted(
    calls: list[dict[str, Any]], prices: list[dict[str, str]]
) -> None:
    """Account aurora-a, August to October: outage, bypass, and the Los Angeles day."""
    used: dict[str, Decimal] = defaultdict(Decimal)
    billable: dict[str, Decimal] = defaultdict(Decimal)
    for call in calls:
        if call["application"] in ("claims-intake-agent", "claims-large-loss"):
            amount = cost(call, prices)
            used[month_of(call["started_at"])] += amount
            billable[billing_month(call["started_at"])] += amount
    timing = {month: billable[month] - used[month] for month in (AUGUST, SEPTEMBER, OCTOBER)}
    assert timing == {
        AUGUST: Decimal("0.405"),
        SEPTEMBER: Decimal("-0.081"),
        OCTOBER: Decimal("-0.324"),
    }
    for month, extra in ((AUGUST, "5.40"), (SEPTEMBER, "0"), (OCTOBER, "144.00")):
        billed = Decimal(BILL_TOTALS["aurora-a"][(AUGUST, SEPTEMBER, OCTOBER).index(month)])
        assert billed - billable[month] == Decimal(extra)


def test_s04_bypass_rows() -> None:
    found = [
        row
        for row in rows("openai_billing/costs.parquet")
        if row["project_id"] == "proj_mkt_direct"
    ]
    assert len(found) == 8
    days = {
        (datetime(1970, 1, 1) + timedelta(seconds=row["start_time"])).date().isoformat()
        for row in found
    }
    assert days == {f"2026-10-{day:02d}" for day in (6, 13, 20, 27)}
    quantities = Counter()
    for row in found:
        quantities[row["line_item"]] += row["quantity"]
    assert quantities == {
        "aurora-large, input_tokens": 40_000_000,
        "aurora-large, output_tokens": 4_000_000,
    }
    assert sum(Decimal(row["amount_value"]) for row in found) == Decimal("144.00")
    with (ROOT / "seeds/company/ownership.csv").open(newline="") as lines:
        owner = [r for r in csv.DictReader(lines) if r["application_id"] == "proj_mkt_direct"]
    assert [(r["party_id"], r["valid_from_at"][:10], r["recorded_at"][:10]) for r in owner] == [
        ("3100", "2026-10-01", "2026-11-08")
    ]


def test_s08_cut_calls_are_on_the_bucket_of_26_august(calls: list[dict[str, Any]]) -> None:
    start = int((datetime(2026, 8, 26, 7) - datetime(1970, 1, 1)).total_seconds())
    billed = sum(
        row["quantity"]
        for row in rows("openai_billing/costs.parquet")
        if row["start_time"] == start and row["line_item"] == "aurora-large, input_tokens"
    )
    seen = sum(
        call["tokens"]["input_uncached"]
        for call in calls
        if call["application"] in ("claims-intake-agent", "claims-large-loss")
        and datetime(2026, 8, 26, 7) <= call["started_at"] < datetime(2026, 8, 27, 7)
    )
    assert billed - seen == 1_800_000
    hour = datetime(2026, 8, 27, 3)
    assert not [c for c in calls if hour <= c["started_at"] < hour + timedelta(hours=1)]


def test_s03_pool_on_the_bill(charges: list[dict[str, Any]]) -> None:
    pool = [row for row in charges if row["CommitmentDiscountId"] == "pool-1"]
    effective: dict[str | None, Decimal] = defaultdict(Decimal)
    units: dict[str | None, Decimal] = defaultdict(Decimal)
    for row in pool:
        if row["ChargeCategory"] == "Usage":
            assert row["BilledCost"] == 0
            effective[row["CommitmentDiscountStatus"]] += row["EffectiveCost"]
            units[row["CommitmentDiscountStatus"]] += row["PricingQuantity"]
    assert effective == {"Used": Decimal(7180), "Unused": Decimal(7220)}
    assert units == {"Used": Decimal(3590), "Unused": Decimal(3610)}
    purchase = [row for row in pool if row["ChargeCategory"] == "Purchase"]
    assert [(row["BilledCost"], row["EffectiveCost"]) for row in purchase] == [(14400, 0)]


def test_s14_s15_credits(charges: list[dict[str, Any]]) -> None:
    memos: dict[str, Decimal] = defaultdict(Decimal)
    for row in charges:
        if row["ChargeCategory"] != "Credit":
            continue
        memos[row["InvoiceId"]] += row["BilledCost"]
        assert row["ChargeClass"] == "Correction"
        assert row["x_ReferenceInvoiceId"] == "BOR-2026-09"
        assert month_of(row["ChargePeriodStart"]) == SEPTEMBER
        assert month_of(row["BillingPeriodStart"]) == OCTOBER
    assert memos == {"BOR-CM-0001": Decimal("-13.05"), "BOR-CM-0002": Decimal("-50.00")}


def test_focus_prices_times_quantities(charges: list[dict[str, Any]]) -> None:
    for row in charges:
        if row["ChargeCategory"] != "Credit":
            product = row["ContractedUnitPrice"] * row["PricingQuantity"]
            assert row["ContractedCost"] == row["ListCost"] == product
        if row["PricingUnit"] == "Tokens":
            assert row["BilledCost"] == row["EffectiveCost"] == row["ContractedCost"]


def test_s24_october_tier_ends_on_the_fourteenth(charges: list[dict[str, Any]]) -> None:
    tiers = [
        (row["ChargePeriodStart"].day, row["SkuPriceId"].rsplit(".")[-1])
        for row in charges
        if row["BillingAccountId"] == "cirrus" and month_of(row["ChargePeriodStart"]) == OCTOBER
    ]
    assert max(day for day, tier in tiers if tier == "first_tier") == 14
    assert min(day for day, tier in tiers if tier == "above") == 15


# --- the company's own events and tables -----------------------------------------------------


def test_s12_subscriptions() -> None:
    tools = [
        row
        for row in rows("finance/shared_costs.parquet")
        if row["tool_function"] == "observability" and row["service_period_start"].month == 10
    ]
    assert sorted((row["amount"], row["seats"] - row["active_seats"]) for row in tools) == [
        (Decimal("400.00"), 32),
        (Decimal("650.00"), 0),
    ]


def test_shared_costs_and_efforts_of_a_month() -> None:
    entries = rows("finance/shared_costs.parquet")
    dimensions: dict[str, Decimal] = defaultdict(Decimal)
    for row in entries:
        if row["service_period_start"].month == 10:
            dimensions[row["cost_dimension"]] += row["amount"]
    assert dimensions == {
        "compliance_risk": Decimal(300),
        "platform_operations": Decimal(900),
        "supporting_infrastructure": Decimal(240),
        "ai_tooling": Decimal(1050),
    }
    efforts = rows("finance/efforts.parquet")
    assert [row["hours"] * row["rate_per_hour"] for row in efforts] == [Decimal(1200)] * 3
    assert [row["amount"] for row in efforts] == [Decimal(1200)] * 3


def test_closed_months_had_their_paper_in_time() -> None:
    """All but the planted late rows arrives before the close of its month."""
    closes = {8: datetime(2026, 9, 5), 9: datetime(2026, 10, 5), 10: datetime(2026, 11, 5)}
    for pattern in ("finance/shared_costs.parquet", "finance/efforts.parquet"):
        for row in rows(pattern):
            assert row["_loaded_at"] < closes[row["service_period_start"].month]
    for row in rows("focus/charges.parquet"):
        assert row["_loaded_at"] < closes[row["BillingPeriodStart"].month]
    for row in rows("openai_billing/costs.parquet"):
        start = datetime(1970, 1, 1) + timedelta(seconds=row["start_time"])
        assert row["_loaded_at"] < closes[start.month]


def test_forecast_and_budgets() -> None:
    (forecast,) = rows("finance/forecast_lines.parquet")
    per_call = (
        forecast["input_tokens_per_attempt"] * forecast["input_price_per_million"]
        + forecast["output_tokens_per_attempt"] * forecast["output_price_per_million"]
    ) / 1_000_000
    assert per_call * forecast["interactions"] == forecast["forecast_cost"] == Decimal(174)
    budgets = {row["cost_center_id"]: row["amount"] for row in rows("finance/budget_lines.parquet")}
    assert budgets == {"2250": Decimal("99.65"), "2300": Decimal("174.00")}


def test_langfuse_is_only_a_header() -> None:
    assert rows("langfuse/observations.parquet") == []
