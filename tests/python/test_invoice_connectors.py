"""Bills from three sources become one list of lines, and no line and no cent of them is lost.

Expected values are written by hand, or added up from the files with Python's own decimals.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import built_once
from dbt_runs import PROJECT, DbtRun, run_dbt
from raw_files import Row, copy_project, read_seed, write_seed

FIXTURES = PROJECT / "tests" / "fixtures"
BILLING = ["focus", "openai_billing", "anthropic_billing"]
AS_CSV: dict[str, str | None] = {"AI_FINOPS_RAW_FORMAT": "csv"}
LINES_ONLY = [
    "build", "--exclude-resource-type", "test", "unit_test",
    "--select", "+fct_invoice_lines", "int_invoice_totals",
]  # fmt: skip
LINES_AND_REPORTS = [*LINES_ONLY, "+rpt_quarantined_records", "+rpt_source_freshness"]

# Section by section as the project documents them: the one list for all three sources.
INVOICE_LINE = """
    invoice_line_id version_no source_name source_record_id invoice_id invoice_detail_id
    reference_invoice_id provider_id invoice_issuer_name service_provider_name host_provider_name
    billing_account_id sub_account_id api_key_hash model_billed resource_id region_id sku_id
    sku_price_id commitment_id capacity_reservation_id
    document_type charge_category charge_class charge_frequency charge_description
    service_category service_subcategory service_name sku_meter token_class pricing_mode
    pricing_category pricing_unit consumed_unit commitment_category commitment_type
    commitment_status commitment_unit capacity_reservation_status billing_currency
    pricing_currency billing_account_name billing_account_type sub_account_name sub_account_type
    resource_name resource_type region_name sku_price_details tags source_changes
    pricing_quantity pricing_unit_scale consumed_quantity commitment_quantity list_unit_price
    contracted_unit_price list_cost contracted_cost effective_cost billed_cost
    is_estimated
    billing_period_start billing_period_end charge_period_start charge_period_end
    issued_at ingested_at record_hash
""".split()

CLOSE_CHECKS = {
    "bills_come_in_the_currency_of_their_account",
    "bills_name_models_and_token_classes",
    "invoices_add_up_to_their_totals",
    "invoices_of_an_account_do_not_overlap",
}


# ---------------------------------------------------------------------------
# Raw files
# ---------------------------------------------------------------------------


def write_csv(path: Path, rows: list[Row]) -> None:
    """Writes the rows with the columns of all of them; what a row lacks is empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[Row]:
    """Rows of a CSV file as text, without blank lines."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def results(source: str) -> list[tuple[Row, Row]]:
    """(bucket, result) of all pages of a source; numbers stay the text that the page holds."""
    found = []
    for path in sorted((FIXTURES / source / source).glob("*.json")):
        page = json.loads(path.read_text(), parse_float=str, parse_int=str)
        found += [(bucket, result) for bucket in page["data"] for result in bucket["results"]]
    return found


def flattened_costs() -> list[Row]:
    """The costs pages as the loader flattens them."""
    return [
        {
            "start_time": bucket["start_time"],
            "end_time": bucket["end_time"],
            "amount_value": result["amount"]["value"],
            "amount_currency": result["amount"]["currency"],
            **{name: result[name] for name in result if name not in ("object", "amount")},
        }
        for bucket, result in results("openai_billing")
    ]


def flattened_cost_report() -> list[Row]:
    """The cost report's pages as the loader flattens them."""
    return [
        {
            "starting_at": bucket["starting_at"],
            "ending_at": bucket["ending_at"],
            "organization_id": "org-report",
            **result,
        }
        for bucket, result in results("anthropic_billing")
    ]


def charge(sku: str, cost: str, **columns: Any) -> Row:
    """A sound September charge of the registered account borealis on its September invoice."""
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "ContractedCost": cost,
        "BillingAccountId": "borealis",
        "BillingAccountType": "Organization",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-09-01T00:00:00Z",
        "BillingPeriodEnd": "2026-10-01T00:00:00Z",
        "ChargePeriodStart": "2026-09-10T00:00:00Z",
        "ChargePeriodEnd": "2026-09-11T00:00:00Z",
        "ChargeCategory": "Usage",
        "InvoiceId": "BOR-TEST-09",
        "InvoiceIssuerName": "Borealis",
        "ProviderName": "Borealis",
        "ServiceCategory": "AI and Machine Learning",
        "PricingCategory": "Standard",
        "SkuId": sku,
        "SkuMeter": "Input Tokens",
        "SkuPriceDetails": '{"x_ModelId": "borealis-pro"}',
        "ConsumedQuantity": "1000",
        "ConsumedUnit": "Tokens",
        "_loaded_at": "2026-10-02 06:00:00",
        **columns,
    }


def credit(name: str, cost: str, reference: str | None, **columns: Any) -> Row:
    """A credit memo that arrives on 10 October."""
    return charge(
        name, cost, InvoiceId=f"CREDIT-{name}", ChargeCategory="Credit", ChargeClass="Correction",
        x_ReferenceInvoiceId=reference, _loaded_at="2026-10-10 09:00:00", **columns,
    )  # fmt: skip


def bad_input() -> list[Row]:
    """Rows 27 to 37 of the catalog of bad input, each with a SKU of its own."""
    cirrus = {"BillingAccountId": "cirrus", "InvoiceIssuerName": "Cirrus", "BillingCurrency": "EUR"}
    again = "2026-10-20 06:00:00"
    redelivered = charge("redelivered", "4", _loaded_at=again)
    return [
        charge("sound", "1000"),
        charge("27-unknown-currency", "5", BillingCurrency="XXX", BillingAccountId="nobody"),
        charge("29-other-currency", "6", **cirrus | {"BillingCurrency": "USD"}, InvoiceId="CIR-1"),
        charge("30-replaced", "90", InvoiceId="", _loaded_at="2026-09-12 06:00:00"),
        charge("30-replaced", "95", InvoiceId="", _loaded_at="2026-09-20 06:00:00"),
        charge("30-replaced", "100"),
        charge("31-versioned", "50", x_VersionNo="1"),
        charge("31-versioned", "45", x_VersionNo="2", _loaded_at=again),
        charge("31-contradicted", "20"),
        charge("31-contradicted", "22", _loaded_at=again),
        charge("redelivered", "4"),
        redelivered,
        dict(redelivered),
        charge("two-lines", "1"),
        charge("two-lines", "2"),
        credit("32-positive", "5", "BOR-TEST-09"),
        credit("32-positive-orphan", "8", "BOR-NEVER"),
        credit("33-orphan", "-7", "BOR-NEVER"),
        credit("negative", "-3", "BOR-TEST-09"),
        charge("34-tax-inside", "11.9", ChargeDescription="Input tokens including 19 % VAT"),
        charge("35-unmapped", "30", SkuMeter="Surprise Units", SkuPriceDetails=""),
        charge("36-september", "1", **cirrus, InvoiceId="CIR-A"),
        charge(
            "36-overlapping", "1", **cirrus, InvoiceId="CIR-B",
            BillingPeriodStart="2026-09-15T00:00:00Z", BillingPeriodEnd="2026-10-15T00:00:00Z",
        ),
        charge("37-total", "40", InvoiceId="BOR-T1", InvoiceIssuerName="T1", x_InvoiceTotal="41"),
        charge("37-cent", "40", InvoiceId="BOR-T2", InvoiceIssuerName="T2", x_InvoiceTotal="40.01"),
        charge("no-amount", "n/a"),
    ]  # fmt: skip


# ---------------------------------------------------------------------------
# The build that most tests look at
# ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def bills(shared_folder: Path) -> DbtRun:
    """All fixture bills and all bad input in one build, read as CSV."""

    def build(workspace: Path) -> DbtRun:
        raw = workspace / "raw"
        shutil.copytree(FIXTURES / "focus" / "focus", raw / "focus")
        write_csv(raw / "focus" / "charges_bad_input.csv", bad_input())
        write_csv(raw / "openai_billing" / "costs.csv", flattened_costs())
        write_csv(raw / "anthropic_billing" / "cost_report.csv", flattened_cost_report())
        return run_dbt(
            LINES_AND_REPORTS, workspace, raw, variables={"sources": BILLING}, settings=AS_CSV
        )

    return built_once(shared_folder, "bills", build)


def money(rows: list[Row], column: str = "BilledCost") -> Decimal:
    """Sum of a column as the file has it."""
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def statuses(run: DbtRun, sku: str) -> list[tuple[Any, ...]]:
    """Amount as received, status, reason and flags of the lines of a SKU, by arrival."""
    return run.rows(
        "select billed_cost, line_status, quarantine_reason, quality_flags"
        f" from int_invoice_lines_identified where sku_id = '{sku}'"
        " order by ingested_at, billed_cost"
    )


def test_all_bills_have_the_same_columns_in_the_same_order(bills: DbtRun) -> None:
    assert len(INVOICE_LINE) == 70
    for source in BILLING:
        described = bills.rows(f"describe stg_{source}__invoice_lines")
        assert [row[0] for row in described] == INVOICE_LINE, source


def test_no_line_and_no_cent_is_lost(bills: DbtRun) -> None:
    files = [read_csv(path) for path in (bills.database.parent / "raw" / "focus").glob("*.csv")]
    lines = [row for rows in files for row in rows]
    readable = [row for row in lines if row["BilledCost"] != "n/a"]
    expected = {
        "focus": (len(lines), money(readable)),
        # 0.1 + 0.0000001 + 12.345678901 + 0.06 + 0.12
        "openai_billing": (5, Decimal("12.625679001")),
        # 1.2345 + 0.00000125 + 10 + 0.075
        "anthropic_billing": (4, Decimal("11.30950125")),
    }
    received = bills.rows(
        "select source_name, count(*), sum(billed_cost) from int_invoice_lines_identified"
        " where line_status in ('final', 'superseded', 'quarantined', 'duplicate')"
        " group by source_name"
    )
    assert {name: (rows, cost) for name, rows, cost in received} == expected
    freshness = bills.rows(
        "select source_name, source_kind, received_rows,"
        " accepted_rows + quarantined_rows + superseded_rows + exact_duplicates"
        " from rpt_source_freshness"
    )
    assert sorted(freshness) == sorted(
        (name, "bills", rows, rows) for name, (rows, _) in expected.items()
    )


# ---------------------------------------------------------------------------
# Golden lines
# ---------------------------------------------------------------------------


def test_costs_endpoint(bills: DbtRun) -> None:
    lines = bills.rows(
        "select sub_account_id, model_id, token_class, billed_cost_usd, pricing_quantity,"
        " pricing_unit_scale, consumed_units, resource_id, cast(billing_date as varchar),"
        " document_type, is_estimated, quality_flags"
        " from fct_invoice_lines where source_name = 'openai_billing'"
        " order by billing_date, billed_cost_usd desc"
    )
    provisional = ("provisional", True)
    unknown, unmapped = "UNKNOWN_ACCOUNT", "UNKNOWN_ACCOUNT|UNMAPPED_SKU"
    assert lines == [
        ("proj_alpha", "gpt-6-astra", "output", Decimal("12.345678901"), Decimal("820.5"),
         1000, Decimal(820500), "key_1", "2026-09-01", *provisional, unknown),
        ("proj_alpha", "gpt-6-astra", "input_uncached", Decimal("0.1"), Decimal(500000),
         1, Decimal(500000), None, "2026-09-01", *provisional, unknown),
        ("proj_alpha", "gpt-6-astra", "cache_read", Decimal("0.0000001"), Decimal(2),
         1, Decimal(2), None, "2026-09-01", *provisional, unknown),
        ("proj_beta", "image generation", None, Decimal("0.12"), Decimal(3),
         1, Decimal(3), None, "2026-09-02", *provisional, unmapped),
        (None, None, None, Decimal("0.06"), None,
         None, None, None, "2026-09-02", *provisional, unmapped),
    ]  # fmt: skip


def test_cost_report(bills: DbtRun) -> None:
    lines = bills.rows(
        "select sub_account_id, model_id, token_class, pricing_mode, sku_meter, billed_cost_usd,"
        " consumed_units, cast(charge_period_start as varchar), document_type"
        " from fct_invoice_lines where source_name = 'anthropic_billing'"
        " order by charge_period_start, billed_cost_usd desc"
    )
    first, second = "2026-09-01 00:00:00", "2026-09-02 00:00:00"
    assert lines == [
        ("default", "example-large", "input_uncached", "on_demand", "tokens 0-200k",
         Decimal("1.2345"), None, first, "provisional"),
        ("wrkspc_beta", "example-large", "cache_write_1h", "batch", "tokens 200k-1M",
         Decimal("0.00000125"), None, first, "provisional"),
        ("wrkspc_beta", None, None, "on_demand", "web_search",
         Decimal("10"), None, second, "provisional"),
        ("default", None, None, "on_demand", None,
         Decimal("0.075"), None, second, "provisional"),
    ]  # fmt: skip


def test_handmade_bill_with_tokens_and_a_commitment(bills: DbtRun) -> None:
    totals = bills.rows(
        "select charge_category, coalesce(commitment_status, '') as status, count(*),"
        " sum(billed_cost_usd), sum(effective_cost_usd)"
        " from fct_invoice_lines where billing_account_id = 'org-4711' group by all"
    )
    assert {(category, status): values for category, status, *values in totals} == {
        ("Usage", ""): [13, Decimal("30.1752"), Decimal("30.1752")],
        ("Usage", "Used"): [2, Decimal(0), Decimal(5400)],
        ("Usage", "Unused"): [1, Decimal(0), Decimal(1800)],
        ("Purchase", ""): [2, Decimal("7980.50"), Decimal("780.50")],
        ("Credit", ""): [1, Decimal("-50.25"), Decimal("-50.25")],
        ("Tax", ""): [1, Decimal("12.34"), Decimal("12.34")],
        ("Adjustment", ""): [1, Decimal("0.018"), Decimal("0.018")],
    }
    classes = bills.rows(
        "select model_id, token_class, pricing_mode, sum(consumed_units), count(*)"
        " from fct_invoice_lines where billing_account_id = 'org-4711'"
        " and charge_category = 'Usage' and charge_class is null group by all"
    )
    assert sorted(classes, key=str) == sorted(
        [
            ("solora-large-4", "input_uncached", "on_demand", Decimal(5006000), 4),
            ("solora-large-4", "output", "on_demand", Decimal(1242000), 4),
            ("solora-large-4", "cache_read", "on_demand", Decimal(9600000), 4),
            (None, None, "committed", Decimal(196000000), 3),
        ],
        key=str,
    )
    # The correction belongs to the bill of October and to the use of September.
    assert bills.rows(
        "select billed_cost, cast(billing_month as varchar), cast(usage_month as varchar)"
        " from fct_invoice_lines where charge_class = 'Correction'"
        " and billing_account_id = 'org-4711'"
    ) == [(Decimal("-2.70"), "2026-10-01", "2026-09-01")]


def test_official_sample_keeps_its_flaws_by_name(bills: DbtRun) -> None:
    rows = read_csv(FIXTURES / "focus" / "focus" / "charges_official_1_0.csv")
    assert bills.rows(
        "select count(*), sum(billed_cost), min(document_type), max(line_status)"
        " from int_invoice_lines_identified"
        " where service_provider_name in ('AWS', 'Microsoft', 'Oracle')"
    ) == [(33, money(rows), "provisional", "final")]
    named = Counter(
        name
        for (changes,) in bills.rows(
            "select source_changes from stg_focus__invoice_lines"
            " where service_provider_name in ('AWS', 'Microsoft', 'Oracle')"
        )
        for name in (changes or "").split(",")
    )
    assert named["EmptyPricingCategory"] == 5
    assert named["MissingContractedCost"] == 7
    assert bills.value(
        "select count(*) from stg_focus__invoice_lines"
        " where 'NULL' in (tags, region_id, resource_type, charge_class, commitment_id)"
    ) == 0  # fmt: skip


def test_examples_of_the_specification(bills: DbtRun) -> None:
    commitment = bills.rows(
        "select charge_category, commitment_status, billed_cost, effective_cost, line_status,"
        " usd_missing_reason from int_invoice_lines_identified"
        " where charge_period_start = '2023-01-01' order by charge_category, billed_cost"
    )
    no_rate = ("final", "NO_FX_RATE")
    assert commitment == [
        ("Purchase", None, Decimal("1.50"), Decimal("0.00"), *no_rate),
        ("Usage", "Unused", Decimal("0.00"), Decimal("1.50"), *no_rate),
        ("Usage", None, Decimal("2.00"), Decimal("2.00"), *no_rate),
    ]
    virtual = bills.rows(
        "select pricing_currency, billing_currency, list_cost, line_status, quarantine_reason"
        " from int_invoice_lines_identified where service_provider_name = 'ACMECORP'"
        " order by list_cost"
    )
    refused = ("quarantined", "TS_RANGE")
    assert virtual == [
        ("Token", "USD", Decimal("20.00"), *refused),
        ("Token", "USD", Decimal("490.00"), *refused),
        ("Token", "USD", Decimal("720.00"), *refused),
    ]


def test_a_gateways_own_export_is_telemetry_and_no_invoice(bills: DbtRun) -> None:
    rows = read_csv(FIXTURES / "focus" / "focus" / "charges_gateway_export.csv")
    assert bills.rows(
        "select count(*), sum(estimated_cost_usd), min(estimate_basis)"
        " from rpt_quarantined_records where quarantine_reason = 'TELEMETRY_NOT_INVOICE'"
    ) == [(6, money(rows), "billed")]
    assert bills.value(
        "select count(*) from fct_invoice_lines where billing_account_type = 'API Key'"
    ) == 0  # fmt: skip
    tags = bills.rows("select tags from stg_focus__invoice_lines where tags like '%user_id%'")
    assert len(tags) == 6
    assert not [text for (text,) in tags if "@" in text]
    assert sum("masked" in text for (text,) in tags) == 3


# ---------------------------------------------------------------------------
# Bad input
# ---------------------------------------------------------------------------


def test_bad_input_27_unknown_currency(bills: DbtRun) -> None:
    assert bills.rows(
        "select billed_cost, billed_cost_usd, booked_rate, quality_flags"
        " from fct_invoice_lines where sku_id = '27-unknown-currency'"
    ) == [(Decimal(5), None, None, "UNKNOWN_ACCOUNT|NO_FX_RATE")]


def test_bad_input_28_inverted_rate(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", keep_price_list=False)
    rates = read_seed(project, "fx_rates")
    yen = rates[0] | {"from_currency": "JPY", "rate": "0.006700"}
    months = ("2026-08-01", "2026-09-01", "2026-10-01")
    rates += [yen | {"rate_date": month} for month in months]
    rates.append(yen | {"rate_date": "2026-11-01", "rate": "149.250000"})
    write_seed(project, "fx_rates", rates)
    # Only the tests of the seed itself: others also read models that are not built here.
    alone = ["build", "--select", "fx_rates", "--indirect-selection", "cautious"]
    run = run_dbt(alone, tmp_path / "build", project=project)
    assert run.failures() == {
        "a_rate_is_not_written_the_other_way_round": "Got 1 result, configured to fail if != 0",
        "a_rate_is_not_that_of_the_opposite_direction": "Got 1 result, configured to fail if != 0",
    }


def rates_of(currency: str, *amounts: str) -> list[Row]:
    """A month average for each month from 2025, in the order of the amounts."""
    facts = {"to_currency": "USD", "rate_type": "month_avg", "source": "rates of a test"}
    months = [f"{2025 + n // 12}-{1 + n % 12:02d}-01" for n in range(len(amounts))]
    return [
        facts
        | {"from_currency": currency, "rate": amount, "rate_date": month, "recorded_at": month}
        for month, amount in zip(months, amounts, strict=True)
    ]


def test_bad_input_28_inverted_rate_near_1(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project", keep_price_list=False)
    write_seed(
        project,
        "fx_rates",
        [
            *rates_of("EUR", "1.080000", "1.080000", "1.085000", "0.926000", "1.080000"),
            # Two in a row, from the first one on: where they end, the second is far from the third.
            *rates_of("CHF", "0.893000", "0.893000", "1.120000", "1.120000", "1.121000"),
            # Across 1 step by step, and around it: where these stand is no mistake.
            *rates_of("GBP", *(f"{1.10 - n / 50:.6f}" for n in range(11))),
            *rates_of("CAD", "1.020000", "0.980000", "1.010000", "0.985000", "1.040000"),
        ],
    )
    alone = ["build", "--select", "fx_rates", "--indirect-selection", "cautious"]
    run = run_dbt(alone, tmp_path / "build", project=project)
    name = "a_rate_is_not_that_of_the_opposite_direction"
    assert run.failures() == {name: "Got 2 results, configured to fail if != 0"}
    (compiled,) = run.target_path.glob(f"compiled/**/{name}.sql")
    found = run.rows(
        f"select from_currency, rate, explanation from ({compiled.read_text()}) order by all"
    )
    assert [row[:2] for row in found] == [("CHF", Decimal("0.893")), ("EUR", Decimal("0.926"))]
    assert "is that of the opposite direction: usually it is 1.08" in found[1][2]


def test_bad_input_29_line_in_another_currency(bills: DbtRun) -> None:
    assert statuses(bills, "29-other-currency") == [
        (Decimal(6), "quarantined", "CURRENCY_MISMATCH", None)
    ]


def test_bad_input_30_provisional_and_final(bills: DbtRun) -> None:
    assert statuses(bills, "30-replaced") == [
        (Decimal(90), "superseded", None, None),
        (Decimal(95), "superseded", None, None),
        (Decimal(100), "final", None, None),
    ]
    # September was closed on 5 October, after the invoice came: both amounts stood in it in turn.
    assert bills.rows(
        "select cast(known_month as varchar), cast(replaced_in_month as varchar),"
        " cast(known_until_at as varchar) from int_invoice_lines_identified"
        " where sku_id = '30-replaced' order by ingested_at"
    ) == [
        ("2026-09-01", "2026-09-01", "2026-09-20 06:00:00"),
        ("2026-09-01", "2026-09-01", "2026-10-02 06:00:00"),
        ("2026-09-01", None, "9999-12-31 00:00:00"),
    ]


def test_bad_input_31_invoice_resent(bills: DbtRun) -> None:
    assert statuses(bills, "31-versioned") == [
        (Decimal(50), "superseded", None, None),
        (Decimal(45), "final", None, None),
    ]
    assert statuses(bills, "31-contradicted") == [
        (Decimal(20), "quarantined", "CONFLICT_VERSION", None),
        (Decimal(22), "quarantined", "CONFLICT_VERSION", None),
    ]
    # One charge: only the larger amount is its estimate.
    assert bills.rows(
        "select count(*), sum(estimated_cost_usd) from rpt_quarantined_records"
        " where quarantine_reason = 'CONFLICT_VERSION'"
    ) == [(2, Decimal(22))]


def test_a_line_that_is_delivered_again_counts_once(bills: DbtRun) -> None:
    assert statuses(bills, "redelivered") == [
        (Decimal(4), "final", None, None),
        (Decimal(4), "duplicate", None, None),
        (Decimal(4), "duplicate", None, None),
    ]
    assert statuses(bills, "two-lines") == [
        (Decimal(1), "final", None, None),
        (Decimal(2), "final", None, None),
    ]


def test_bad_input_32_positive_credit_memo(bills: DbtRun) -> None:
    assert bills.rows(
        "select billed_cost, effective_cost, billed_cost_usd, quality_flags"
        " from fct_invoice_lines where sku_id = '32-positive'"
    ) == [(Decimal(-5), Decimal(-5), Decimal(-5), "SIGN_FLIPPED")]
    assert statuses(bills, "32-positive-orphan") == [
        (Decimal(8), "quarantined", "CREDIT_SIGN", "ORPHAN_CREDIT")
    ]


def test_bad_input_33_credit_without_original(bills: DbtRun) -> None:
    assert statuses(bills, "33-orphan") == [(Decimal(-7), "final", None, "ORPHAN_CREDIT")]
    assert statuses(bills, "negative") == [(Decimal(-3), "final", None, None)]


def test_bad_input_34_tax_inside_usage(bills: DbtRun) -> None:
    assert statuses(bills, "34-tax-inside") == [(Decimal("11.9"), "final", None, "TAX_IN_USAGE")]


def test_bad_input_35_unmapped_sku(bills: DbtRun) -> None:
    assert statuses(bills, "35-unmapped") == [(Decimal(30), "final", None, "UNMAPPED_SKU")]


def test_an_amount_that_cannot_be_read_is_refused_and_never_0(bills: DbtRun) -> None:
    assert statuses(bills, "no-amount") == [(None, "quarantined", "AMOUNT_PARSE", None)]


def run_checks(bills: DbtRun, tmp_path: Path, names: set[str], as_of: str = "") -> DbtRun:
    """Runs tests on a copy of the build, so that other readers are not in their way."""
    shutil.copy(bills.database, tmp_path / "ai_finops.duckdb")
    return run_dbt(
        ["test", "--select", *sorted(names)],
        tmp_path,
        raw_path=bills.database.parent / "raw",
        variables={"sources": BILLING, "as_of": as_of},
        settings=AS_CSV,
    )


@pytest.fixture(scope="module")
def checked(bills: DbtRun, tmp_path_factory: pytest.TempPathFactory) -> DbtRun:
    """The checks of the close, on the build that most tests look at."""
    names = CLOSE_CHECKS | {"every_line_that_counts_has_a_rate_and_usd"}
    return run_checks(bills, tmp_path_factory.mktemp("checked"), names)


def found_by(checked: DbtRun, name: str) -> list[dict[str, Any]]:
    """Rows that a failing check names."""
    assert name in checked.failures()
    (compiled,) = checked.target_path.glob(f"compiled/**/{name}.sql")
    with duckdb.connect(str(checked.database), read_only=True) as connection:
        found = connection.execute(compiled.read_text())
        columns = [column[0] for column in found.description or []]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def test_the_close_is_stopped_by_what_the_catalog_names(checked: DbtRun) -> None:
    found = {name: message.split(",")[0] for name, message in checked.failures().items()}
    assert found == {
        # The example of the specification without a currency has three more.
        "every_line_that_counts_has_a_rate_and_usd": "Got 4 results",
        "bills_come_in_the_currency_of_their_account": "Got 1 result",
        # borealis, and both cost reports: their ungrouped lines are more than 1 %.
        "bills_name_models_and_token_classes": "Got 3 results",
        "invoices_of_an_account_do_not_overlap": "Got 1 result",
        "invoices_add_up_to_their_totals": "Got 1 result",
    }


def test_bad_input_29_another_currency_stops_the_close(checked: DbtRun) -> None:
    (line,) = found_by(checked, "bills_come_in_the_currency_of_their_account")
    assert (line["invoice_id"], line["billing_currency"], line["account_currency"]) == (
        "CIR-1", "USD", "EUR",
    )  # fmt: skip


def test_bad_input_35_more_than_a_percent_unmapped_stops_the_close(checked: DbtRun) -> None:
    accounts = found_by(checked, "bills_name_models_and_token_classes")
    (borealis,) = (row for row in accounts if row["billing_account_id"] == "borealis")
    assert borealis["unmapped_usd"] == Decimal(30)
    assert borealis["billed_usd"] < 100 * borealis["unmapped_usd"]


def test_bad_input_36_overlapping_invoice_periods_stop_the_close(checked: DbtRun) -> None:
    (invoice,) = found_by(checked, "invoices_of_an_account_do_not_overlap")
    assert invoice["invoice_id"] == "CIR-B"
    assert str(invoice["previous_period_end"]) == "2026-10-01 00:00:00"


def test_bad_input_37_a_total_unlike_its_lines_stops_the_close(checked: DbtRun) -> None:
    # BOR-T2 differs from its one line by 0.01, which is rounding.
    (invoice,) = found_by(checked, "invoices_add_up_to_their_totals")
    assert (invoice["invoice_id"], invoice["invoice_total"], invoice["lines_cost"]) == (
        "BOR-T1", Decimal(41), Decimal(40),
    )  # fmt: skip


def test_an_open_month_may_still_be_incomplete(bills: DbtRun, tmp_path: Path) -> None:
    run = run_checks(bills, tmp_path, CLOSE_CHECKS, as_of="2026-10-05 12:00:00")
    assert run.succeeded, run.failures()
    assert len(run.statuses) == len(CLOSE_CHECKS)


# ---------------------------------------------------------------------------
# The complete published files
# ---------------------------------------------------------------------------


def test_complete_official_sample_and_every_example(tmp_path: Path, real_data: Path) -> None:
    sample = real_data / "focus_sample"
    raw = tmp_path / "raw" / "focus"
    raw.mkdir(parents=True)
    shutil.copy(sample / "focus_1_0_sample_1000.csv", raw / "charges_sample.csv")
    examples = sorted((sample / "spec_1_2_examples").glob("*.csv"))
    assert len(examples) == 26
    for path in examples:
        shutil.copy(path, raw / f"charges_{path.name}")
    run = run_dbt(
        LINES_ONLY, tmp_path / "build", tmp_path / "raw",
        variables={"sources": ["focus"]}, settings=AS_CSV,
    )  # fmt: skip
    assert run.succeeded, run.error or run.failures()
    official = read_csv(sample / "focus_1_0_sample_1000.csv")
    lines = official + [row for path in examples for row in read_csv(path)]
    # Amounts such as `$10,000.00 ` are not read: whose comma it is, the file does not say.
    readable = [row for row in lines if "$" not in row["BilledCost"]]
    assert run.rows("select count(*), sum(billed_cost) from int_invoice_lines_identified") == [
        (len(lines), money(readable))
    ]
    assert run.rows(
        "select line_status, count(*), sum(billed_cost) from int_invoice_lines_identified"
        " where service_provider_name in ('AWS', 'Microsoft', 'Oracle') group by line_status"
    ) == [("final", 1000, money(official))]
    changes = run.rows(
        "select source_changes from stg_focus__invoice_lines"
        " where service_provider_name in ('AWS', 'Microsoft', 'Oracle')"
    )
    named = Counter(name for (text,) in changes for name in (text or "").split(","))
    assert (named["EmptyPricingCategory"], named["MissingContractedCost"]) == (5, 7)
    # Dates such as `4/1/25` are not read either.
    assert (
        run.value("select count(*) from fct_invoice_lines where charge_period_start < '2020-01-01'")
        == 0
    )
    assert dict(
        run.rows(
            "select quarantine_reason, count(*) from int_invoice_lines_identified"
            " where quarantine_reason is not null group by quarantine_reason"
        )
    ) == {"AMOUNT_PARSE": len(lines) - len(readable), "TS_RANGE": 41}
