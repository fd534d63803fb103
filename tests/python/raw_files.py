"""Raw folders, seeds and comparisons for tests that build other input than the sample company."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
from dbt_runs import PROJECT
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

Row = dict[str, Any]
Drawn = TypeVar("Drawn")

# Builds without tests: the input of a test, not its subject.
BUILD = ["build", "--exclude-resource-type", "test", "unit_test"]
BUILD_WITHOUT_SEEDS = ["build", "--exclude-resource-type", "test", "unit_test", "seed"]

# Columns of the LiteLLM proxy's own tables, as its Parquet export types them.
SPEND_LOG_TYPES = {
    "request_id": "varchar",
    "call_type": "varchar",
    "api_key": "varchar",
    "spend": "double",
    "total_tokens": "bigint",
    "prompt_tokens": "bigint",
    "completion_tokens": "bigint",
    "startTime": "timestamp",
    "endTime": "timestamp",
    "completionStartTime": "timestamp",
    "model": "varchar",
    "model_id": "varchar",
    "model_group": "varchar",
    "custom_llm_provider": "varchar",
    "metadata": "varchar",
    "cache_hit": "varchar",
    "request_tags": "varchar",
    "team_id": "varchar",
    "end_user": "varchar",
    "session_id": "varchar",
    "status": "varchar",
    "agent_id": "varchar",
    "request_duration_ms": "bigint",
    "created_at": "timestamp",
    "_loaded_at": "timestamp",
}

PRICE_COLUMNS = (
    "price_id", "provider_id", "model_id", "billing_account_id", "region_id", "pricing_mode",
    "token_class", "context_from_tokens", "context_until_tokens", "volume_from_units",
    "volume_until_units", "unit_price", "unit_quantity", "currency", "valid_from_at",
    "valid_until_at", "recorded_at", "source",
)  # fmt: skip


# ---------------------------------------------------------------------------
# Raw rows and files
# ---------------------------------------------------------------------------


def spend_log(
    request_id: str | None,
    started_at: str = "2026-10-20 12:00:00",
    *,
    prompt: Any = 1000,
    completion: Any = 100,
    cached: Any = 0,
    written_5m: Any = 0,
    written_1h: Any = 0,
    interaction_id: str | None = None,
    metadata: Row | None = None,
    **columns: Any,
) -> Row:
    """One `LiteLLM_SpendLogs` row of a call to aurora-mini that succeeded.

    `metadata` adds keys to the usual ones, `columns` replaces columns. The row arrives one second
    after `started_at` (UTC) unless `_loaded_at` is given.
    """
    facts: Row = {
        "attempted_retries": 0,
        "attempted_fallbacks": 0,
        "usage_object": {
            "prompt_tokens_details": {
                "cached_tokens": cached,
                "cache_creation_token_details": {
                    "ephemeral_5m_input_tokens": written_5m,
                    "ephemeral_1h_input_tokens": written_1h,
                },
            },
        },
        "spend_logs_metadata": {
            "application": "support-chat",
            "workflow": "support-chat",
            "interaction_id": interaction_id,
        },
        **(metadata or {}),
    }
    row = {
        "request_id": request_id,
        "call_type": "acompletion",
        "api_key": "key-of-a-test",
        "spend": 0.001,
        "total_tokens": None,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "startTime": started_at,
        "endTime": started_at,
        "completionStartTime": started_at,
        "model": "aurora-mini",
        "model_id": "aurora-mini-deployment",
        "model_group": "aurora-mini",
        "custom_llm_provider": "aurora",
        "metadata": json.dumps(facts),
        "cache_hit": "None",
        "request_tags": '["env:prod"]',
        "team_id": "",
        "end_user": "",
        "session_id": "a-session",
        "status": "success",
        "agent_id": None,
        "request_duration_ms": 800,
        "created_at": started_at,
        "_loaded_at": started_at,
    }
    unknown = columns.keys() - row.keys()
    if unknown:
        raise KeyError(f"a spend log has no column {sorted(unknown)}")
    return row | columns


def write_table(
    raw_path: Path,
    table: str,
    rows: Sequence[Row],
    types: dict[str, str] = SPEND_LOG_TYPES,
    file_format: str = "parquet",
    part: str = "",
    source: str = "litellm",
) -> Path:
    """Writes `<raw_path>/<source>/<table><part>.<format>` with exactly the columns of `types`."""
    folder = raw_path / source
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{table}{part}.{file_format}"
    if file_format == "json":
        lines = (json.dumps({name: row.get(name) for name in types}) for row in rows)
        target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return target
    staged = folder / f".{table}{part}.staged"
    staged.write_text(
        "".join(json.dumps({name: row.get(name) for name in types}) + "\n" for row in rows),
        encoding="utf-8",
    )
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    options = {"parquet": "format parquet", "csv": "format csv, header"}[file_format]
    with duckdb.connect() as connection:
        read = f"read_json('{staged}', format='newline_delimited', columns={{{columns}}})"
        if not rows:
            nothing = ", ".join(f'cast(null as {kind}) as "{n}"' for n, kind in types.items())
            read = f"(select {nothing} where 1 = 0)"
        connection.execute(f"copy (select * from {read}) to '{target}' ({options})")
    staged.unlink()
    return target


def write_spend_logs(raw_path: Path, rows: Sequence[Row], part: str = "") -> Path:
    """The raw folder itself, now with a Parquet spend log of these rows."""
    write_table(raw_path, "spend_logs", rows, part=part)
    return raw_path


# ---------------------------------------------------------------------------
# Projects with other seeds
# ---------------------------------------------------------------------------


def copy_project(target: Path, keep_price_list: bool = True) -> Path:
    """A copy of the project whose seeds a test may change.

    Without its public price list it builds faster; one row stays, so that the file keeps its types.
    """
    target.mkdir(parents=True)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, target / name)
    for name in ("models", "macros", "seeds", "snapshots", "analyses"):
        shutil.copytree(PROJECT / name, target / name)
    for folder in (PROJECT / "tests").iterdir():
        if folder.name not in ("python", "oracle", "fixtures", "expected"):
            shutil.copytree(folder, target / "tests" / folder.name)
    if not keep_price_list:
        path = target / "seeds" / "reference" / "price_list.csv"
        path.write_text("".join(path.read_text(encoding="utf-8").splitlines(True)[:2]), "utf-8")
    return target


def price(price_id: str, token_class: str, unit_price: Any, **columns: Any) -> Row:
    """One price row of aurora-mini, USD per million, open in every direction."""
    row: Row = dict.fromkeys(PRICE_COLUMNS, "")
    row.update(
        price_id=price_id,
        provider_id="aurora",
        model_id="aurora-mini",
        billing_account_id="*",
        region_id="*",
        pricing_mode="on_demand",
        token_class=token_class,
        unit_price=unit_price,
        unit_quantity=1000000,
        currency="USD",
        valid_from_at="2026-01-01 00:00:00",
        valid_until_at="9999-12-31 00:00:00",
        recorded_at="2026-01-01 00:00:00",
        source="price of a test",
    )
    unknown = columns.keys() - row.keys()
    if unknown:
        raise KeyError(f"a price has no column {sorted(unknown)}")
    return row | columns


def read_seed(project: Path, name: str) -> list[Row]:
    """Rows of a seed as text."""
    path = next(project.glob(f"seeds/*/{name}.csv"))
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def write_seed(project: Path, name: str, rows: Iterable[Row]) -> None:
    """Replaces the rows of a seed; its columns stay."""
    path = next(project.glob(f"seeds/*/{name}.csv"))
    with path.open(encoding="utf-8", newline="") as handle:
        columns = next(csv.reader(handle))
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# ---------------------------------------------------------------------------
# Comparisons and generated cases
# ---------------------------------------------------------------------------


def marts_of(database: Path) -> list[str]:
    """Names of the published tables of a built database."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute(
            """
            select table_name from information_schema.tables
            where
                table_type = 'BASE TABLE'
                and regexp_matches(table_name, '^(dim|fct|rpt|focus)_')
            order by table_name
            """
        ).fetchall()
    return [name for (name,) in found]


def mart_differences(
    one: Path, other: Path, except_columns: Callable[[str], Sequence[str]] = lambda _: ()
) -> dict[str, tuple[list[Any], list[Any]]]:
    """Rows, by mart, that only one of two databases holds; counts of equal rows matter too.

    `except_columns` names, for a mart, columns left out of the comparison.
    """
    marts = marts_of(one)
    different: dict[str, tuple[list[Any], list[Any]]] = {}
    if marts != marts_of(other):
        return {"names of the marts": (marts, marts_of(other))}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as one (read_only)")
        connection.execute(f"attach '{other}' as other (read_only)")
        for mart in marts:
            left_out = ", ".join(except_columns(mart))
            columns = f"* exclude ({left_out})" if left_out else "*"
            only = [
                connection.execute(
                    f"select {columns} from {first}.main.{mart} "
                    f"except all select {columns} from {second}.main.{mart} limit 5"
                ).fetchall()
                for first, second in (("one", "other"), ("other", "one"))
            ]
            if only[0] or only[1]:
                different[mart] = (only[0], only[1])
    return different


def drawn(strategy: SearchStrategy[Drawn], count: int, start: int = 20261123) -> list[Drawn]:
    """That many values of a strategy, the same on every run: one build then checks them all."""
    found: list[Drawn] = []

    @seed(start)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Drawn) -> None:
        found.append(value)

    collect()
    return found


def at(text: str) -> datetime:
    """UTC instant of ISO text, without zone."""
    return datetime.fromisoformat(text)
