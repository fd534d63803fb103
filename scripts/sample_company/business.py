"""The company's own events and its finance team's tables."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sample_company.files import Table
from sample_company.telemetry import interaction_ids, trace_id
from sample_company.truth import Company, Interaction

OUTCOMES: dict[str, tuple[str, timedelta, str, str, str, str, str]] = {
    # application: type, time after the interaction, value, low, high, method, confidence
    "claims-intake-agent": (
        "claim_completed", timedelta(hours=2), "25.00", "20.00", "30.00", "estimated", "medium",
    ),
    "support-chat": (
        "ticket_resolved", timedelta(minutes=10), "5.00", "3.00", "7.00", "assumed_standard", "low",
    ),
    "uw-summariser": (
        "quote_issued", timedelta(hours=1), "18.00", "12.00", "24.00", "estimated", "medium",
    ),
    "claims-large-loss": (
        "large_loss_assessed", timedelta(minutes=30), "40.00", "30.00", "50.00",
        "measured_time_saved", "medium",
    ),
    "marketing-draft": (
        "draft_accepted", timedelta(minutes=45), "1.50", "0.50", "2.50", "assumed_standard", "low",
    ),
}  # fmt: skip
QUOTE_VALUE_FROM_OCTOBER = ("20.00", "14.00", "26.00")
EVENT_DELAY = timedelta(minutes=15)

BASE_SCORES = {
    "claims-intake-agent": "0.90",
    "support-chat": "0.88",
    "kb-search": "0.86",
    "uw-summariser": "0.86",
    "claims-large-loss": "0.93",
    "marketing-draft": "0.84",
    "fraud-score": "0.92",
    "file-bundle": "0.89",
}
"""Embedding jobs and the unregistered hackathon-bot are not evaluated."""

LANGFUSE_COLUMNS = [
    "id",
    "trace_id",
    "project_id",
    "environment",
    "type",
    "parent_observation_id",
    "start_time",
    "end_time",
    "name",
    "metadata",
    "level",
    "status_message",
    "version",
    "input",
    "output",
    "provided_model_name",
    "model_parameters",
    "usage_details",
    "cost_details",
    "completion_start_time",
    "prompt_name",
    "prompt_version",
    "total_cost",
    "latency",
    "time_to_first_token",
    "model_id",
    "created_at",
    "updated_at",
    "prompt_id",
    "tool_calls",
    "tool_call_names",
    "tool_definitions",
    "usage_pricing_tier_id",
    "usage_pricing_tier_name",
    "user_id",
    "session_id",
    "trace_name",
    "tags",
    "release",
    "bookmarked",
    "public",
]


def _run_id(interaction: Interaction) -> str | None:
    is_run = interaction.logged_by == "otel_genai"
    return trace_id(interaction.name) if is_run else None


def outcome_table(company: Company) -> Table:
    """One row per interaction that reached its business outcome; a failure leaves none."""
    rows = []
    for interaction in company.interactions:
        if interaction.application not in OUTCOMES or not interaction.succeeded:
            continue
        kind, after, value, low, high, method, confidence = OUTCOMES[interaction.application]
        occurred_at = interaction.ended_at + after
        if kind == "quote_issued" and occurred_at >= datetime(2026, 10, 1):
            value, low, high = QUOTE_VALUE_FROM_OCTOBER
        rows.append(
            {
                "outcome_id": f"{kind}-{interaction.case_key}",
                "version_no": 1,
                "event_type": "completed",
                "outcome_type": kind,
                "application_id": interaction.application,
                "case_key": interaction.case_key,
                "run_id": _run_id(interaction),
                "occurred_at": occurred_at,
                "is_successful": True,
                "value_usd": value,
                "value_low_usd": low,
                "value_high_usd": high,
                "baseline_value_usd": None,
                "value_method": method,
                "value_confidence": confidence,
                "_loaded_at": occurred_at + EVENT_DELAY,
            }
        )
    money = "DECIMAL(18,2)"
    columns = {
        "outcome_id": "VARCHAR",
        "version_no": "BIGINT",
        "event_type": "VARCHAR",
        "outcome_type": "VARCHAR",
        "application_id": "VARCHAR",
        "case_key": "VARCHAR",
        "run_id": "VARCHAR",
        "occurred_at": "TIMESTAMP",
        "is_successful": "BOOLEAN",
        "value_usd": money,
        "value_low_usd": money,
        "value_high_usd": money,
        "baseline_value_usd": money,
        "value_method": "VARCHAR",
        "value_confidence": "VARCHAR",
        "_loaded_at": "TIMESTAMP",
    }
    return Table("business/outcomes.parquet", columns, rows)


def _score(interaction: Interaction) -> Decimal:
    base = Decimal(BASE_SCORES[interaction.application])
    if interaction.application == "uw-summariser":
        # Underwriters tune their instructions: quality rises month by month.
        base += Decimal("0.02") * max(interaction.started_at.month - 8, 0)
    if interaction.is_blocked:
        base = Decimal("0.20")
    elif not interaction.succeeded:
        base -= Decimal("0.50")
    return base + Decimal("0.01") * (interaction.number % 3)


def evaluation_table(company: Company) -> Table:
    """One interaction in five is scored by a person.

    The position inside each group of five moves, so that no schedule is sampled at one phase.
    """
    interval = company.parameters.evaluation_interval
    ids = interaction_ids(company)
    rows = []
    for interaction in company.interactions:
        group, position = divmod(interaction.number, interval)
        if interaction.application not in BASE_SCORES or position != group % interval:
            continue
        evaluated_at = interaction.ended_at + timedelta(hours=4)
        rows.append(
            {
                "evaluation_id": f"evaluation-{interaction.name}",
                "interaction_id": ids[interaction.name],
                "run_id": _run_id(interaction),
                "application_id": interaction.application,
                "metric_name": "answer_quality",
                "score": _score(interaction),
                "score_minimum": "0",
                "score_maximum": "1",
                "sample_design": "random",
                "sampling_weight": str(interval),
                "evaluator_type": "human",
                "evaluated_at": evaluated_at,
                "_loaded_at": evaluated_at + EVENT_DELAY,
            }
        )
    number = "DECIMAL(18,6)"
    columns = {
        "evaluation_id": "VARCHAR",
        "interaction_id": "VARCHAR",
        "run_id": "VARCHAR",
        "application_id": "VARCHAR",
        "metric_name": "VARCHAR",
        "score": number,
        "score_minimum": number,
        "score_maximum": number,
        "sample_design": "VARCHAR",
        "sampling_weight": number,
        "evaluator_type": "VARCHAR",
        "evaluated_at": "TIMESTAMP",
        "_loaded_at": "TIMESTAMP",
    }
    return Table("business/evaluations.parquet", columns, rows)


def policy_event_table(company: Company) -> Table:
    """One check per interaction; nine drafts in September were blocked after generation."""
    ids = interaction_ids(company)
    rows = []
    for interaction in company.interactions:
        blocked = interaction.is_blocked
        occurred_at = interaction.ended_at + timedelta(seconds=1)
        rows.append(
            {
                "event_id": f"policy-{interaction.name}",
                "interaction_id": ids[interaction.name],
                "run_id": _run_id(interaction),
                "application_id": interaction.application,
                "policy_id": "personal-data-output",
                "check_result": "violation" if blocked else "passed",
                "severity": "high" if blocked else "none",
                "action_taken": "blocked_after_generation" if blocked else "none",
                "is_resolved": not blocked,
                "occurred_at": occurred_at,
                "_loaded_at": occurred_at + EVENT_DELAY,
            }
        )
    columns = {name: "VARCHAR" for name in rows[0]} | {
        "is_resolved": "BOOLEAN",
        "occurred_at": "TIMESTAMP",
        "_loaded_at": "TIMESTAMP",
    }
    return Table("business/policy_events.parquet", columns, rows)


def _months(company: Company) -> list[date]:
    return [day for day in company.parameters.days() if day.day == 1]


def _month_end(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


SHARED_COSTS = [
    # pool, dimension, supplier, application, source cost center, amount, tool, seats, active
    ("security_review", "compliance_risk", "internal", None, "4000", "300.00", None, None, None),
    ("platform_team", "platform_operations", "internal", None, "1000", "900.00", None, None, None),
    (
        "vector_store", "supporting_infrastructure", "Vectory", "kb-search", "1000", "240.00",
        "vector_store", None, None,
    ),
    (
        "observability", "ai_tooling", "Tracelight", None, "1000", "650.00",
        "observability", 60, 60,
    ),
    (
        "observability", "ai_tooling", "Spanwatch", None, "1000", "400.00",
        "observability", 50, 18,
    ),
]  # fmt: skip


def shared_cost_table(company: Company) -> Table:
    """Monthly entries of the finance team, booked on the first of the next month."""
    rows = []
    for month in _months(company):
        booked_at = datetime.combine(_month_end(month), datetime.min.time()) + timedelta(hours=10)
        for (
            pool,
            dimension,
            supplier,
            application,
            source,
            amount,
            tool,
            seats,
            active,
        ) in SHARED_COSTS:
            suffix = "" if supplier == "internal" else f"-{supplier.lower()}"
            rows.append(
                {
                    "entry_id": f"{pool}{suffix}-{month:%Y-%m}",
                    "entry_type": "actual",
                    "pool_name": pool,
                    "cost_dimension": dimension,
                    "supplier": supplier,
                    "application_id": application,
                    "component_id": None,
                    "source_cost_center_id": source,
                    "service_period_start": month,
                    "service_period_end": _month_end(month),
                    "amount": amount,
                    "currency": "USD",
                    "tool_function": tool,
                    "seats": seats,
                    "active_seats": active,
                    "_loaded_at": booked_at,
                }
            )
    columns = {name: "VARCHAR" for name in rows[0]} | {
        "service_period_start": "DATE",
        "service_period_end": "DATE",
        "amount": "DECIMAL(18,2)",
        "seats": "BIGINT",
        "active_seats": "BIGINT",
        "_loaded_at": "TIMESTAMP",
    }
    return Table("finance/shared_costs.parquet", columns, rows)


def effort_table(company: Company) -> Table:
    """Maintenance of doc-extract by the Agent Guild: a rate class, never a person."""
    rows = [
        {
            "effort_id": f"doc-extract-maintenance-{month:%Y-%m}",
            "entry_type": "actual",
            "effort_type": "maintenance",
            "cost_dimension": "human_effort",
            "pool_name": "doc-extract",
            "cost_center_id": "5000",
            "application_id": None,
            "component_id": "doc-extract",
            "service_period_start": month,
            "service_period_end": _month_end(month),
            "hours": "20.00",
            "rate_class": "engineer",
            "rate_per_hour": "60.00",
            "amount": "1200.00",
            "currency": "USD",
            "_loaded_at": datetime.combine(_month_end(month), datetime.min.time())
            + timedelta(hours=10),
        }
        for month in _months(company)
    ]
    columns = {name: "VARCHAR" for name in rows[0]} | {
        "service_period_start": "DATE",
        "service_period_end": "DATE",
        "hours": "DECIMAL(18,2)",
        "rate_per_hour": "DECIMAL(18,2)",
        "amount": "DECIMAL(18,2)",
        "_loaded_at": "TIMESTAMP",
    }
    return Table("finance/efforts.parquet", columns, rows)


def forecast_table() -> Table:
    """The September forecast of uw-summariser: 20 users, ten interactions each."""
    frozen_at = datetime(2026, 8, 25, 12)
    row: dict[str, Any] = {
        "forecast_version_id": "fv-2026-08",
        "created_at": datetime(2026, 8, 20, 9),
        "frozen_at": frozen_at,
        "approved_by": "finance-director",
        "forecast_owner": "underwriting-product",
        "forecast_month": date(2026, 9, 1),
        "application_id": "uw-summariser",
        "model_id": "borealis-pro",
        "pricing_mode": "batch",
        "cost_center_id": "2300",
        "active_users": 20,
        "interactions": 200,
        "attempts_per_interaction": "1",
        "input_tokens_per_attempt": "500000",
        "output_tokens_per_attempt": "20000",
        "input_price_per_million": "1.50",
        "output_price_per_million": "6.00",
        "currency": "USD",
        "forecast_cost": "174.00",
        "forecast_cost_p10": "156.60",
        "forecast_cost_p50": "174.00",
        "forecast_cost_p90": "191.40",
        "_loaded_at": frozen_at + EVENT_DELAY,
    }
    number, money = "DECIMAL(18,6)", "DECIMAL(18,2)"
    columns = {name: "VARCHAR" for name in row} | {
        "created_at": "TIMESTAMP",
        "frozen_at": "TIMESTAMP",
        "forecast_month": "DATE",
        "active_users": "BIGINT",
        "interactions": "BIGINT",
        "attempts_per_interaction": number,
        "input_tokens_per_attempt": number,
        "output_tokens_per_attempt": number,
        "input_price_per_million": number,
        "output_price_per_million": number,
        "forecast_cost": money,
        "forecast_cost_p10": money,
        "forecast_cost_p50": money,
        "forecast_cost_p90": money,
        "_loaded_at": "TIMESTAMP",
    }
    return Table("finance/forecast_lines.parquet", columns, [row])


def budget_table() -> Table:
    """October's inference budgets of Support and Underwriting."""
    recorded_at = datetime(2026, 9, 25, 12)
    rows = [
        {
            "budget_version_id": "bv-2026-10",
            "budget_line_id": f"bv-2026-10-{cost_center}",
            "period_start": date(2026, 10, 1),
            "period_end": date(2026, 11, 1),
            "cost_center_id": cost_center,
            "application_id": None,
            "cost_dimension": "model_inference",
            "amount": amount,
            "currency": "USD",
            "phasing": "business_days",
            "is_hard_cap": False,
            "budget_owner": owner,
            "approved_by": "finance-director",
            "_loaded_at": recorded_at,
        }
        for cost_center, amount, owner in (
            ("2250", "99.65", "support-product"),
            ("2300", "174.00", "underwriting-product"),
        )
    ]
    columns = {name: "VARCHAR" for name in rows[0]} | {
        "period_start": "DATE",
        "period_end": "DATE",
        "amount": "DECIMAL(18,2)",
        "is_hard_cap": "BOOLEAN",
        "_loaded_at": "TIMESTAMP",
    }
    return Table("finance/budget_lines.parquet", columns, rows)


def langfuse_table() -> Table:
    """Only the header: the company does not run Langfuse."""
    columns = {name: "VARCHAR" for name in LANGFUSE_COLUMNS} | {"_loaded_at": "TIMESTAMP"}
    return Table("langfuse/observations.parquet", columns, [])
