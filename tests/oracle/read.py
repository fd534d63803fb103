"""Raw files and seeds as plain Python rows.

DuckDB opens Parquet files and nothing else: no calculation happens in SQL. Content, IP address
and e-mail columns are never selected.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from .arithmetic import to_decimal

Row = dict[str, Any]

ARRIVAL_COLUMN = "_loaded_at"

# The wanted columns of each raw table; those a file lacks read as None.
RAW_COLUMNS: dict[tuple[str, str], tuple[str, ...]] = {
    ("litellm", "spend_logs"): (
        "request_id",
        "call_type",
        "api_key",
        "spend",
        "total_tokens",
        "prompt_tokens",
        "completion_tokens",
        "startTime",
        "endTime",
        "completionStartTime",
        "model",
        "model_id",
        "model_group",
        "custom_llm_provider",
        "metadata",
        "cache_hit",
        "request_tags",
        "team_id",
        "end_user",
        "session_id",
        "status",
        "agent_id",
        "request_duration_ms",
        "created_at",
        "litellm_call_id",
        ARRIVAL_COLUMN,
    ),
    ("litellm", "keys"): ("token", "metadata", ARRIVAL_COLUMN),
    ("otel_genai", "spans"): (
        "trace_id",
        "span_id",
        "parent_span_id",
        "name",
        "kind",
        "start_time_unix_nano",
        "end_time_unix_nano",
        "status_code",
        "scope_name",
        "scope_version",
        "schema_url",
        "resource_attributes",
        "attributes",
        ARRIVAL_COLUMN,
    ),
    ("openai_billing", "costs"): (
        "start_time",
        "end_time",
        "organization_id",
        "project_id",
        "line_item",
        "amount_value",
        "amount_currency",
        "quantity",
        "quantity_unit",
        ARRIVAL_COLUMN,
    ),
    ("anthropic_billing", "cost_report"): (
        "starting_at",
        "ending_at",
        "organization_id",
        "workspace_id",
        "currency",
        "amount",
        "cost_type",
        "description",
        "model",
        "token_type",
        "service_tier",
        ARRIVAL_COLUMN,
    ),
    ("focus", "charges"): (
        "BillingAccountId",
        "BillingCurrency",
        "BillingPeriodStart",
        "BilledCost",
        "ChargeCategory",
        "ChargeDescription",
        "ChargePeriodStart",
        "ChargePeriodEnd",
        "CommitmentDiscountId",
        "CommitmentDiscountStatus",
        "ConsumedQuantity",
        "InvoiceId",
        "ResourceId",
        "SkuPriceDetails",
        "SkuPriceId",
        "SubAccountId",
        "x_DocumentType",
        "x_ReferenceInvoiceId",
        ARRIVAL_COLUMN,
    ),
}
REQUIRED_COLUMNS: dict[tuple[str, str], tuple[str, ...]] = {
    ("litellm", "spend_logs"): (
        "request_id",
        "startTime",
        "prompt_tokens",
        "completion_tokens",
        "metadata",
        "status",
    ),
    ("litellm", "keys"): ("token",),
    ("otel_genai", "spans"): (
        "trace_id",
        "span_id",
        "start_time_unix_nano",
        "attributes",
    ),
    ("openai_billing", "costs"): ("start_time", "end_time", "line_item", "amount_value"),
    ("anthropic_billing", "cost_report"): ("starting_at", "ending_at", "amount"),
    ("focus", "charges"): ("BillingAccountId", "BilledCost", "ChargeCategory"),
}


class InputError(Exception):
    """A file that cannot be read as what it claims to be."""


def _selection(column: str, column_type: str) -> str:
    quoted = '"' + column.replace('"', '""') + '"'
    # Microseconds since 1970 need neither a session time zone nor a time zone package.
    if column_type.startswith("TIMESTAMP"):
        return f"epoch_us({quoted}) as {quoted}"
    return quoted


def read_raw_table(raw_path: Path, source: str, table: str) -> list[Row]:
    """Rows of ``<raw_path>/<source>/<table>*.parquet``; no file means no rows.

    Timestamps come back as naive UTC ``datetime``. Raises ``InputError`` when a required column
    is missing.
    """
    key = (source, table)
    rows: list[Row] = []
    with duckdb.connect() as connection:
        for path in sorted((raw_path / source).glob(f"{table}*.parquet")):
            relation = connection.read_parquet(str(path))
            types = dict(zip(relation.columns, map(str, relation.types), strict=True))
            missing = [name for name in REQUIRED_COLUMNS[key] if name not in types]
            if missing:
                raise InputError(f"{source}/{path.name} lacks {', '.join(missing)}")
            present = [name for name in RAW_COLUMNS[key] if name in types]
            instants = {name for name in present if types[name].startswith("TIMESTAMP")}
            selected = relation.project(
                ", ".join(_selection(name, types[name]) for name in present)
            )
            for values in selected.fetchall():
                row: Row = dict.fromkeys(RAW_COLUMNS[key])
                row.update(zip(present, values, strict=True))
                for name in instants:
                    row[name] = from_epoch_microseconds(row[name])
                rows.append(row)
    return rows


def from_epoch_microseconds(value: int | None) -> datetime | None:
    """Naive UTC instant; None for None and for values no calendar holds."""
    if value is None:
        return None
    try:
        seconds, microseconds = divmod(int(value), 1_000_000)
        instant = datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return instant.replace(microsecond=microseconds, tzinfo=None)


def parse_instant(value: object) -> datetime | None:
    """Naive UTC instant from a ``datetime`` or ISO text; text without a zone is UTC."""
    if value is None:
        return None
    if isinstance(value, datetime):
        instant = value
    else:
        text = str(value).strip()
        if not text:
            return None
        instant = datetime.fromisoformat(text)
    if instant.tzinfo is not None:
        instant = instant.astimezone(UTC).replace(tzinfo=None)
    return instant


@dataclass(frozen=True)
class Seeds:
    """Seed rows by table name, values as text; blank is None."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def known(self, table: str, as_of: datetime | None) -> list[Row]:
        """Rows recorded at or before ``as_of``; all rows when it is None."""
        rows = self.tables.get(table, [])
        if as_of is None:
            return rows
        kept = []
        for row in rows:
            recorded_at = parse_instant(row.get("recorded_at"))
            if recorded_at is None or recorded_at <= as_of:
                kept.append(row)
        return kept


def read_seeds(seed_path: Path) -> Seeds:
    """Every ``*.csv`` below ``seed_path``, by file name without its ending.

    Raises ``InputError`` when two files share a name.
    """
    tables: dict[str, list[Row]] = {}
    for path in sorted(seed_path.rglob("*.csv")):
        if path.stem in tables:
            raise InputError(f"two seed files are called {path.name}")
        with path.open(encoding="utf-8-sig", newline="") as handle:
            tables[path.stem] = [
                {name: (text if text not in ("", None) else None) for name, text in row.items()}
                for row in csv.DictReader(handle)
            ]
    return Seeds(tables)


def covers(row: Row, instant: datetime) -> bool:
    """True when ``instant`` lies in the row's half-open validity window; a blank end is open."""
    valid_from_at = parse_instant(row.get("valid_from_at"))
    valid_until_at = parse_instant(row.get("valid_until_at"))
    return (valid_from_at is None or instant >= valid_from_at) and (
        valid_until_at is None or instant < valid_until_at
    )


def recorded(row: Row) -> datetime:
    """When the row was recorded; a row that does not say counts as oldest."""
    return parse_instant(row.get("recorded_at")) or datetime.min


def listed(text: str | None) -> tuple[str, ...]:
    """Members of a pipe-joined list."""
    return tuple(part.strip() for part in (text or "").split("|") if part.strip())


def decimal_of(row: Row, column: str) -> Decimal:
    """Decimal in ``column``. Raises ``InputError`` when it is blank."""
    value = to_decimal(row.get(column))
    if value is None:
        raise InputError(f"{column} is blank in {row}")
    return value
