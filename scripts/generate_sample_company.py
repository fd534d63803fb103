#!/usr/bin/env python3
"""Write the raw files of the sample company, or check that the committed ones are current.

    python scripts/generate_sample_company.py --out sample_data [--check]

Exits with 1 and the names of the files that differ when --check finds any, with 2 when a
parameter is out of range. Two runs with the same DuckDB version write the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from datetime import date
from pathlib import Path

from sample_company.bills import anthropic_table, focus_table, openai_table
from sample_company.business import (
    budget_table,
    effort_table,
    evaluation_table,
    forecast_table,
    langfuse_table,
    outcome_table,
    policy_event_table,
    shared_cost_table,
)
from sample_company.files import Table, write_table
from sample_company.parameters import Parameters
from sample_company.telemetry import litellm_tables, span_table
from sample_company.truth import Company


def tables(parameters: Parameters) -> list[Table]:
    """Every raw table. One truth, told once by the gateways and once by the bills."""
    company = Company(parameters)
    return [
        *litellm_tables(company),
        span_table(company),
        focus_table(company),
        openai_table(company),
        anthropic_table(company),
        outcome_table(company),
        evaluation_table(company),
        policy_event_table(company),
        shared_cost_table(company),
        forecast_table(),
        budget_table(),
        effort_table(company),
        langfuse_table(),
    ]


def generate(folder: Path, parameters: Parameters | None = None) -> list[Path]:
    """Write every file under the folder; returns their paths relative to it."""
    written = []
    for table in tables(parameters or Parameters()):
        write_table(table, folder)
        written.append(Path(table.path))
    return written


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each Parquet file under the folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


def differences(folder: Path, parameters: Parameters | None = None) -> list[str]:
    """Files that are missing from the folder, left over in it, or not what is generated now."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch), parameters)
        fresh = digests(Path(scratch))
    present = digests(folder)
    return [
        f"{name}: {state}"
        for name in sorted(fresh.keys() | present.keys())
        for state in [
            "missing" if name not in present
            else "not generated" if name not in fresh
            else "changed" if fresh[name] != present[name]
            else ""
        ]
        if state
    ]  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    defaults = Parameters()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("sample_data"), help="output folder")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; compare the folder with a fresh run"
    )
    parser.add_argument("--first-day", type=date.fromisoformat, default=defaults.first_day)
    parser.add_argument("--last-day", type=date.fromisoformat, default=defaults.last_day)
    for name in ("arrival-minutes", "redelivery-minutes", "loop-steps", "evaluation-interval"):
        parser.add_argument(
            f"--{name}", type=int, default=getattr(defaults, name.replace("-", "_"))
        )
    options = parser.parse_args(arguments)
    try:
        parameters = Parameters(
            first_day=options.first_day,
            last_day=options.last_day,
            arrival_minutes=options.arrival_minutes,
            redelivery_minutes=options.redelivery_minutes,
            loop_steps=options.loop_steps,
            evaluation_interval=options.evaluation_interval,
        )
    except ValueError as problem:
        print(f"generate_sample_company: {problem}", file=sys.stderr)
        return 2
    if options.check:
        found = differences(options.out, parameters)
        print("\n".join(found) or f"{options.out} is current")
        return 1 if found else 0
    for path in generate(options.out, parameters):
        print(options.out / path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
