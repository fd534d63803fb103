"""Command line of the oracle: totals as JSON, optionally every attempt as CSV."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from . import CONVERT_EACH, CONVERT_TOTAL, OracleResult, load
from .requests import TOKEN_CLASSES


def plain(amount: Decimal | None) -> str | None:
    """Decimal as text without an exponent; money never passes through a JSON number."""
    return None if amount is None else format(amount, "f")


def summary(result: OracleResult) -> dict[str, Any]:
    """Totals of a result; amounts in USD as text."""
    rated = list(result.attempts.values())
    bearing = result.cost_bearing
    return {
        "as_of": str(result.as_of) if result.as_of else None,
        "source_rows": dict(sorted(result.source_rows.items())),
        "exact_duplicates": dict(sorted(result.exact_duplicates.items())),
        "quarantined": dict(sorted(Counter(one.reason for one in result.quarantined).items())),
        "quarantined_estimate_usd": plain(result.quarantined_estimate_usd),
        "failures": result.failures,
        "attempts": len(rated),
        "cost_bearing_attempts": len(bearing),
        "interactions": len(result.interactions),
        "list_cost_usd": plain(result.list_cost_usd),
        "contracted_cost_usd": plain(result.contracted_cost_usd),
        "unpriced": dict(
            sorted(Counter(one.unpriced_reason for one in rated if one.unpriced_reason).items())
        ),
        "unpriced_exposure_usd": plain(result.unpriced_exposure_usd),
        "statuses": dict(sorted(Counter(one.attempt.status for one in rated).items())),
        "pricing_modes": dict(sorted(Counter(one.attempt.pricing_mode for one in rated).items())),
        "attempt_roles": dict(sorted(Counter(one.attempt.attempt_role for one in rated).items())),
        "flags": dict(sorted(Counter(flag for one in rated for flag in one.attempt.flags).items())),
        "tokens": {
            name: sum(one.attempt.tokens[name] for one in bearing) for name in TOKEN_CLASSES
        },
        "control_figures": [
            {
                "application_id": figure.application_id,
                "usage_month": figure.usage_month.isoformat(),
                "attempts": figure.attempts,
                "contracted_cost_usd": plain(figure.contracted_cost_usd),
                "effective_cost_usd": plain(figure.effective_cost_usd),
                "cost_by_currency": {
                    currency: plain(amount)
                    for currency, amount in sorted(figure.cost_by_currency.items())
                },
                "unpriced_attempts": figure.unpriced_attempts,
                "unpriced_exposure_usd": plain(figure.unpriced_exposure_usd),
            }
            for figure in result.control_figures
        ],
    }


def write_attempts(result: OracleResult, path: Path) -> None:
    """One line per attempt, ordered by id, for a comparison line by line."""
    names = [
        "attempt_id",
        "source_name",
        "source_record_id",
        "interaction_id",
        "application_id",
        "provider_id",
        "model_id",
        "billing_account_id",
        "pricing_mode",
        "status",
        "usage_source",
        "started_at",
        "is_cost_bearing",
        *(f"{name}_tokens" for name in TOKEN_CLASSES),
        "context_tokens",
        "list_cost_usd",
        "contracted_cost_usd",
        "effective_cost_usd",
        "unpriced_reason",
        "unpriced_exposure_usd",
        "price_row_ids",
        "flags",
    ]
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(names)
        for attempt_id in sorted(result.attempts):
            one = result.attempts[attempt_id]
            attempt = one.attempt
            writer.writerow(
                [
                    attempt_id,
                    attempt.source_name,
                    attempt.source_record_id,
                    attempt.interaction_id,
                    attempt.application_id,
                    attempt.provider_id,
                    attempt.model_id,
                    attempt.billing_account_id,
                    attempt.pricing_mode,
                    attempt.status,
                    attempt.usage_source,
                    attempt.started_at,
                    one.is_cost_bearing,
                    *(attempt.tokens[name] for name in TOKEN_CLASSES),
                    attempt.context_tokens,
                    plain(one.list_cost_usd),
                    plain(one.contracted_cost_usd),
                    plain(one.effective_cost_usd),
                    one.unpriced_reason,
                    plain(one.unpriced_exposure_usd),
                    "|".join(price_id for ids in one.price_row_ids.values() for price_id in ids),
                    "|".join(attempt.flags),
                ]
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the oracle; the return value is 1 when a condition that must fail a build holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="folder of the raw sources")
    parser.add_argument("--seeds", type=Path, required=True, help="folder of the seed CSV files")
    parser.add_argument("--sources", default="litellm,otel_genai", help="comma-separated")
    parser.add_argument("--as-of", default=None, help="knowledge time, UTC; default: all")
    parser.add_argument(
        "--graduated-conversion", choices=(CONVERT_EACH, CONVERT_TOTAL), default=CONVERT_EACH
    )
    parser.add_argument("--out", type=Path, help="JSON file of totals")
    parser.add_argument("--attempts-out", type=Path, help="CSV file of all attempts")
    options = parser.parse_args(arguments)
    result = load(
        options.raw,
        options.seeds,
        [name.strip() for name in options.sources.split(",") if name.strip()],
        options.as_of or None,
        options.graduated_conversion,
    )
    text = json.dumps(summary(result), indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.attempts_out:
        write_attempts(result, options.attempts_out)
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
