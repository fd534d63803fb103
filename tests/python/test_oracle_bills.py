"""The books against an oracle: bills, reconciliation and ledger in plain Python decimals.

The oracle reads raw files and seeds only and shares no code with the models or the generator.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from dbt_runs import PROJECT, SAMPLE_DATA, DbtRun

sys.path.insert(0, str(PROJECT))
from tests.oracle.books import Books, load_books

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def books() -> Books:
    """The sample company's books as the oracle keeps them."""
    return load_books(SAMPLE_DATA, PROJECT / "seeds")


def test_every_line_of_the_ledger_is_the_oracles(sample_build: DbtRun, books: Books) -> None:
    """Each posting, to the cent: period, cause, bill, who bears it, and nothing beside them."""
    expected: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for step in books.steps():
        for (bill, line), cents in step.cents.items():
            key = (
                str(step.posting_month)[:10],
                str(step.usage_month)[:10],
                step.cause or "",
                bill.document_id,
                line.model_id,
                line.bearer.application_id,
                line.bearer.cost_center_id,
                line.bearer.contributing_team_id or "",
                line.line_type,
            )
            expected[key] += cents * CENT
    posted = {
        row[:-1]: row[-1]
        for row in sample_build.rows(
            "select cast(posting_month as varchar), cast(usage_month as varchar),"
            " coalesce(restatement_cause, ''), invoice_id, model_id, application_id,"
            " cost_center_id, coalesce(contributing_team_id, ''), charge_line_type, amount_usd"
            " from fct_cost_lines where line_side = 'consumer'"
        )
    }
    assert len(posted) > 50
    assert posted == {key: amount for key, amount in expected.items() if amount}


def test_every_row_of_the_reconciliation_is_the_oracles(sample_build: DbtRun, books: Books) -> None:
    """Rated, invoiced and each class of the difference, for every account, month and class."""
    expected = {
        (str(month)[:10], account, model, token_class): (
            row.rated_usd,
            row.invoiced_usd,
            row.parts.timing,
            row.parts.bypass,
            row.parts.missing_telemetry,
            row.parts.price,
            row.parts.credit,
            row.parts.fx,
        )
        for (month, account, model, token_class), row in books.reconciliation().items()
    }
    reconciled = {
        row[:4]: row[4:]
        for row in sample_build.rows(
            "select cast(month as varchar), billing_account_id, model_id, token_class, rated_usd,"
            " invoiced_usd, timing_usd, bypass_usd, missing_telemetry_usd, price_usd, credit_usd,"
            " fx_usd from rpt_invoice_reconciliation_monthly"
        )
    }
    assert reconciled == expected
