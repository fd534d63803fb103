"""Prints what the published marts hold, on one screen: what came in, what it cost, what to open.

    python scripts/print_summary.py [--marts published/marts.duckdb]

Reads the published file only, as a BI tool would.
"""

from __future__ import annotations

import argparse
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

PROJECT = Path(__file__).resolve().parents[1]
APPLICATIONS_SHOWN = 5

TOTALS = """
    select
        min(attempt_date) as first_date,
        max(attempt_date) as last_date,
        count(*) as attempts,
        coalesce(sum(effective_cost_usd), 0) as effective_cost_usd,
        count(unpriced_reason) as unpriced_attempts,
        coalesce(sum(unpriced_exposure_usd), 0) as unpriced_exposure_usd,
        count(*) filter (where cost_center_id = 'UNOWNED') as unowned_attempts,
        coalesce(sum(effective_cost_usd) filter (where cost_center_id = 'UNOWNED'), 0)
            as unowned_cost_usd
    from fct_attempts
    where is_cost_bearing
"""

QUARANTINED = """
    select
        coalesce(sum(rejected_rows), 0) as quarantined_rows,
        coalesce(sum(estimated_cost_usd), 0) as quarantined_cost_usd
    from rpt_quarantined_records
"""

BILLS = """
    select
        coalesce(sum(amount_usd), 0) as posted_usd,
        coalesce(sum(amount_usd) filter (where charge_line_type = 'idle'), 0) as idle_usd,
        coalesce(sum(amount_usd) filter (
            where cost_center_id in ('UNATTRIBUTED', 'UNALLOCATED')
        ), 0) as unassigned_usd,
        coalesce(sum(amount_usd) filter (where line_type = 'prior_period'), 0)
            as prior_period_usd
    from fct_cost_lines
    where line_side = 'consumer' and not is_memo
"""

APPLICATIONS = f"""
    select
        application_id,
        sum(total_cost_usd) as total_cost_usd,
        sum(production_cost_usd) as production_cost_usd,
        sum(successful_interactions) as successful_interactions
    from rpt_cost_per_interaction_daily
    group by application_id
    order by total_cost_usd desc nulls last, application_id
    limit {APPLICATIONS_SHOWN}
"""


def first_row(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    """The first row of a query by column name."""
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or []]
    return dict(zip(names, cursor.fetchall()[0], strict=True))


def usd(amount: Decimal) -> str:
    """Money to the cent, with thousands separated."""
    return f"{amount:,.2f} USD"


def unit_cost(cost_usd: Decimal | None, successes: int) -> str:
    """Cost per success in USD; a dash where nothing succeeded or no cost is known."""
    return f"{cost_usd / successes:,.6f}" if cost_usd is not None and successes else "-"


def application_lines(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """One line per application, the most expensive first."""
    return [
        f"  {application:<30} {total or 0:>14,.2f} {unit_cost(production, int(successes)):>18}"
        for application, total, production, successes in connection.execute(APPLICATIONS).fetchall()
    ]


def bill_lines(bills: dict[str, Any]) -> list[str]:
    """What the bills posted, in four lines."""
    return [
        "",
        f"  posted by bills    {usd(bills['posted_usd']):>16}   of which",
        f"    idle capacity    {usd(bills['idle_usd']):>16}   borne by its owners",
        f"    nobody's         {usd(bills['unassigned_usd']):>16}   past the gateway or missing",
        f"    prior periods    {usd(bills['prior_period_usd']):>16}   known after a close",
    ]


def summary_lines(marts_file: Path) -> list[str]:
    """The summary of a published DuckDB file."""
    with duckdb.connect(str(marts_file), read_only=True) as connection:
        totals = first_row(connection, TOTALS)
        quarantined = first_row(connection, QUARANTINED)
        ledger = connection.execute(
            "select count(*) from duckdb_tables() where table_name = 'fct_cost_lines'"
        ).fetchone()
        bills = first_row(connection, BILLS) if ledger and ledger[0] else {}
        interactions = connection.execute("select count(*) from fct_interactions").fetchone()
        tables = connection.execute("select count(*) from duckdb_tables()").fetchone()
        by_application = application_lines(connection)
    assert interactions is not None and tables is not None
    if totals["attempts"] == 0:
        return ["The marts hold no attempts: see rpt_quarantined_records and rpt_source_freshness."]
    lines = [
        "",
        f"AI cost from {totals['first_date']} to {totals['last_date']} (UTC)",
        f"  attempts           {totals['attempts']:>12,}   in {interactions[0]:,} interactions",
        f"  effective cost     {usd(totals['effective_cost_usd']):>16}",
        f"  without a price    {totals['unpriced_attempts']:>12,}   attempts, estimated at"
        f" {usd(totals['unpriced_exposure_usd'])} on top",
        f"  quarantined        {quarantined['quarantined_rows']:>12,}   records, estimated at"
        f" {usd(quarantined['quarantined_cost_usd'])} on top",
        f"  without an owner   {totals['unowned_attempts']:>12,}   attempts,"
        f" {usd(totals['unowned_cost_usd'])} of the cost",
    ]
    if bills:
        lines += bill_lines(bills)
    return [
        *lines,
        "",
        f"  {'Most expensive applications':<30} {'cost USD':>14} {'per success USD':>18}",
        *by_application,
        "",
        "Open next",
        f"  {marts_file}   {tables[0]} tables for a BI tool (read-only)",
        f"  {marts_file.parent}/*.parquet   the same tables as files",
        "  README.md   what each table holds, and how to read your own log",
    ]


def main() -> int:
    """Prints the summary; returns the exit code."""
    parser = argparse.ArgumentParser(description="Print what the published marts hold.")
    parser.add_argument("--marts", type=Path, default=PROJECT / "published" / "marts.duckdb")
    marts_file = parser.parse_args().marts
    if not marts_file.exists():
        print(f"{marts_file} does not exist: run 'make publish' first.", file=sys.stderr)
        return 1
    if marts_file.is_relative_to(Path.cwd()):
        marts_file = marts_file.relative_to(Path.cwd())
    print("\n".join(summary_lines(marts_file)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
