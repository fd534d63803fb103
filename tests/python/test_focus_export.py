"""The FOCUS datasets: money tests that bite, files as FinOps tools take them, the validator's gate.

Each test of the dataset is broken on purpose: one thing is changed in a copy of the built tables,
and the SQL that dbt compiled for the test has to find it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from dbt_runs import PROJECT, DbtRun, run_dbt

from scripts import validate_focus
from scripts.export_focus import export
from scripts.publish_marts import PublishError
from scripts.validate_focus import (
    FAILED,
    INVOICE_NULL_RULE,
    INVOICE_PRESENT_RULE,
    NO_EXPORT,
    NO_PYTHON,
    NOT_RUN,
    PASSED,
    PURCHASE_RULE,
    STATUS_RULE,
    NotRun,
    judge,
    prepare_environment,
    python312,
)

REPORTS = PROJECT / "tests" / "fixtures" / "focus_validator"
TABLES = {"1_4": "focus_cost_and_usage", "1_2": "focus_cost_and_usage_v1_2"}
# Columns that came after FOCUS 1.2 have another name in its dataset.
LATER = ("AllocatedMethodId", "AllocatedMethodDetails", "AllocatedTags")


@dataclass(frozen=True)
class Corruption:
    """A change of the dataset, the test that must notice it, and the rows it touches."""

    name: str
    test: str
    change: str
    where: str = "true"
    deletes: bool = False


INVOICES = "focus_invoices_add_up_to_what_they_ask_for"
EFFECTIVE = "focus_effective_cost_is_billed_cost_once_a_period_is_closed"
COMMITMENTS = "focus_commitments_are_used_or_unused_in_full"
COVERED = "focus_covered_usage_is_not_billed_again"
PRICES = "focus_costs_are_unit_prices_times_quantities"
DISCOUNTS = "focus_contracted_costs_do_not_exceed_list_costs"
VALUES = "focus_values_are_those_of_the_specification"
NULLS = "focus_columns_are_null_where_they_have_to_be"
PARTS = "focus_parts_of_a_charge_sum_to_one"
IDS = "focus_ids_say_what_they_name"
TEXTS = "focus_texts_and_documents_are_clean"
TOKENS = "focus_tokens_are_those_of_the_attempts"
COLUMNS = "focus_columns_follow_the_catalogue"

METERED = "\"x_ChargeFamily\" = 'metered'"
INVOICED = f"{METERED} and \"InvoiceId\" = 'BOR-2026-09'"
USED = "\"CommitmentDiscountStatus\" = 'Used'"
UNUSED = "\"CommitmentDiscountStatus\" = 'Unused'"
PURCHASE = "\"x_ChargeFamily\" = 'commitment_purchase'"
CREDIT = "\"ChargeCategory\" = 'Credit'"
PART = '"x_OriginChargeId" is not null'
ENUMERATED = """
    CapacityReservationStatus ChargeCategory ChargeClass ChargeFrequency CommitmentDiscountCategory
    CommitmentDiscountStatus PricingCategory ServiceCategory ServiceSubcategory
""".split()

CORRUPTIONS = (
    Corruption("an invoice asks for a cent more", INVOICES, '"BilledCost" = "BilledCost" + 0.01',
               INVOICED),
    Corruption("a charge of an invoice is lost", INVOICES, "", INVOICED, deletes=True),
    Corruption("a provisional charge is lost", INVOICES, "",
               "\"x_InvoiceStatus\" = 'provisional'", deletes=True),
    Corruption("an effective cost is a cent too high", EFFECTIVE,
               '"EffectiveCost" = "EffectiveCost" + 0.01', INVOICED),
    Corruption("a purchase counts beside its use", EFFECTIVE, '"EffectiveCost" = "BilledCost"',
               PURCHASE),
    Corruption("the unused part is lost", COMMITMENTS, "", UNUSED, deletes=True),
    Corruption("use costs more than was bought", COMMITMENTS,
               '"EffectiveCost" = "EffectiveCost" + 0.01', USED),
    Corruption("unused capacity is negative", COMMITMENTS, '"EffectiveCost" = -1', UNUSED),
    Corruption("unused capacity is told twice", COMMITMENTS, "\"x_OriginChargeId\" = 'again'",
               UNUSED),
    Corruption("covered usage is billed", COVERED, '"BilledCost" = 0.01', USED),
    Corruption("unused capacity is billed", COVERED, '"BilledCost" = 0.01', UNUSED),
    Corruption("the last decimal of a cost is wrong", PRICES,
               '"ContractedCost" = "ContractedCost" + 0.000000000001', METERED),
    Corruption("a list cost is not its price x quantity", PRICES, '"ListCost" = 2 * "ListCost"',
               PURCHASE),
    Corruption("a covered cost is off by a millionth", PRICES,
               '"ContractedCost" = "ContractedCost" * 1.000001', USED),
    Corruption("tokens without a price do not say so", PRICES,
               '"ContractedUnitPrice" = null, "x_SourceChanges" = null', METERED),
    Corruption("the contract is dearer than the list", DISCOUNTS,
               '"ContractedCost" = "ListCost" + 1', METERED),
    *(Corruption(f"{column} holds another word", VALUES, f"\"{column}\" = 'Usual'")
      for column in ENUMERATED),
    Corruption("usage counts nothing", NULLS, '"ConsumedQuantity" = null', METERED),
    Corruption("a purchase counts use", NULLS, '"ConsumedQuantity" = 1', PURCHASE),
    Corruption("unused capacity counts use", NULLS, '"ConsumedQuantity" = 1', UNUSED),
    Corruption("usage has no price", NULLS, '"SkuPriceId" = null', METERED),
    Corruption("usage has no pricing category", NULLS, '"PricingCategory" = null', METERED),
    Corruption("a tax has a SKU", NULLS, "\"ChargeCategory\" = 'Tax'", CREDIT),
    Corruption("covered usage has no status", NULLS, '"CommitmentDiscountStatus" = null', USED),
    Corruption("metered usage has a status", NULLS, "\"CommitmentDiscountStatus\" = 'Used'",
               METERED),
    Corruption("a covering purchase has an effective cost", NULLS, '"EffectiveCost" = 1', PURCHASE),
    Corruption("a quantity has no unit", NULLS, '"PricingUnit" = null', METERED),
    Corruption("an issued charge has no invoice", NULLS, '"InvoiceId" = null', INVOICED),
    Corruption("an estimate has an invoice", NULLS, "\"x_InvoiceStatus\" = 'estimated'", INVOICED),
    Corruption("a part is a little larger", PARTS,
               '"x_AllocatedRatio" = "x_AllocatedRatio" + 0.000000000001', PART),
    Corruption("a part is lost", PARTS, "", PART, deletes=True),
    Corruption("a part does not say its ratio", PARTS, '"AllocatedMethodDetails" = null', PART),
    Corruption("a part does not say its method", PARTS, '"AllocatedMethodId" = null', PART),
    Corruption("a whole charge says a ratio", PARTS, '"x_AllocatedRatio" = 0.5', METERED),
    Corruption("a price has two SKUs", IDS, "\"SkuId\" = 'another'", METERED),
    Corruption("a service is in two categories", IDS, "\"ServiceCategory\" = 'Storage'", METERED),
    Corruption("a resource has no name", IDS, '"ResourceName" = null', '"ResourceId" is not null'),
    Corruption("a name has no id", IDS, '"SubAccountId" = null', METERED),
    Corruption("a commitment has no type", IDS, '"CommitmentDiscountType" = null', USED),
    Corruption("a text is empty", TEXTS, "\"ChargeDescription\" = ''"),
    Corruption("tags are nested", TEXTS, """"Tags" = '{"application":{"id":"a"}}'"""),
    Corruption("price details are a list", TEXTS, """"SkuPriceDetails" = '["a"]'"""),
    Corruption("allocated tags are no document", TEXTS, "\"AllocatedTags\" = 'a'", PART),
    Corruption("a token is counted twice", TOKENS, '"ConsumedQuantity" = "ConsumedQuantity" + 1',
               METERED),
    Corruption("covered tokens are dropped", TOKENS, "", USED, deletes=True),
)  # fmt: skip


@dataclass
class Datasets:
    """A copy of the built database, and the compiled SQL of the datasets' tests."""

    connection: duckdb.DuckDBPyConnection
    compiled: dict[tuple[str, str], str]

    def findings(self, test: str, version: str) -> int:
        """Rows that a test returns now: 0 when it holds."""
        query = self.compiled[test, version]
        return self.connection.execute(f"select count(*) from ({query})").fetchall()[0][0]

    def charges(self, query: str) -> list[tuple]:
        """Rows of a query on the datasets."""
        return self.connection.execute(query).fetchall()


def compiled_tests(build: DbtRun) -> dict[tuple[str, str], str]:
    """Compiled SQL of every test of the datasets, by name of the test and version."""
    manifest = json.loads((build.target_path / "manifest.json").read_text())
    compiled = {}
    for node in manifest["nodes"].values():
        metadata = node.get("test_metadata")
        if metadata and metadata["name"].startswith("focus_"):
            path = (
                build.target_path
                / "compiled"
                / "ai_finops"
                / node["original_file_path"]
                / node["path"]
            )
            version = manifest["nodes"][node["attached_node"]]["version"]
            compiled[metadata["name"], version] = path.read_text()
    return compiled


@pytest.fixture(scope="module")
def datasets(sample_build: DbtRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasets]:
    """The sample company's datasets in a copy that tests may change."""
    copy = tmp_path_factory.mktemp("focus") / sample_build.database.name
    shutil.copy(sample_build.database, copy)
    with duckdb.connect(str(copy)) as connection:
        yield Datasets(connection, compiled_tests(sample_build))


# The tests of the datasets ------------------------------------------------------------------------


def test_every_test_runs_on_both_versions_and_is_broken_here(datasets: Datasets) -> None:
    names = {name for name, _ in datasets.compiled}
    assert {(name, version) for name in names for version in TABLES} == set(datasets.compiled)
    assert names == {corruption.test for corruption in CORRUPTIONS} | {COLUMNS}


@pytest.mark.parametrize("version", TABLES)
def test_the_tests_hold_on_the_sample_company(datasets: Datasets, version: str) -> None:
    found = {
        name: datasets.findings(name, version) for name, tested in datasets.compiled
        if tested == version
    }  # fmt: skip
    assert {name: rows for name, rows in found.items() if rows} == {}


@pytest.mark.parametrize("version", TABLES)
@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda case: case.name.replace(" ", "_"))
def test_a_corrupted_charge_is_found(
    datasets: Datasets, corruption: Corruption, version: str
) -> None:
    table, change, where = TABLES[version], corruption.change, corruption.where
    if version == "1_2":
        for column in LATER:
            change = change.replace(f'"{column}"', f'"x_{column}"')
    one_row = (
        f'"x_ChargeId" = (select min("x_ChargeId") from {table}'
        f' where {where} and "EffectiveCost" is not null)'
    )
    statement = f"delete from {table}" if corruption.deletes else f"update {table} set {change}"
    datasets.connection.execute("begin")
    try:
        touched = datasets.connection.execute(f"{statement} where {one_row}").fetchall()
        assert touched == [(1,)]
        assert datasets.findings(corruption.test, version) > 0
    finally:
        datasets.connection.execute("rollback")


def test_a_column_out_of_place_or_of_our_own_invention_is_found(
    sample_build: DbtRun, tmp_path: Path
) -> None:
    copy = tmp_path / sample_build.database.name
    shutil.copy(sample_build.database, copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            "create or replace table focus_cost_and_usage as"
            ' select * exclude ("Tags"), "Tags" from focus_cost_and_usage'
        )
        connection.execute(
            "create or replace table focus_cost_and_usage_v1_2 as"
            ' select *, 1 as "Surcharge" from focus_cost_and_usage_v1_2'
        )
    selection = ["test", "--select", f"test_name:{COLUMNS}", f"test_name:{TEXTS}"]
    failures = run_dbt(selection, tmp_path).failures()
    assert set(failures) == {
        f"{COLUMNS}_focus_cost_and_usage_v1_4_",
        f"{COLUMNS}_focus_cost_and_usage_v1_2_",
        f"{TEXTS}_focus_cost_and_usage_v1_2_",
    }


# What the sample company's charges say ------------------------------------------------------------


def test_invoices_ask_for_what_the_bills_of_the_sample_company_say(datasets: Datasets) -> None:
    """Totals of the bills as they were planned, each in its own currency."""
    found = datasets.charges(
        """
        select "BillingAccountId", coalesce("InvoiceId", "x_BillId"), "BillingCurrency",
            sum("BilledCost")
        from focus_cost_and_usage group by all
        """
    )
    assert {(account, bill): (currency, total) for account, bill, currency, total in found} == {
        ("aurora-a", "provisional:aurora-a:2026-08"): ("USD", Decimal("229.1175")),
        ("aurora-a", "provisional:aurora-a:2026-09"): ("USD", Decimal("49.734")),
        ("aurora-a", "provisional:aurora-a:2026-10"): ("USD", Decimal("189.432")),
        ("aurora-b", "provisional:aurora-b:2026-08"): ("USD", Decimal("5.2212")),
        ("aurora-b", "provisional:aurora-b:2026-09"): ("USD", Decimal("1.656")),
        ("aurora-b", "provisional:aurora-b:2026-10"): ("USD", Decimal("1.9234")),
        ("borealis", "BOR-2026-08"): ("USD", Decimal("271.7574")),
        ("borealis", "BOR-2026-09"): ("USD", Decimal("14914.008")),
        ("borealis", "BOR-2026-10"): ("USD", Decimal("430.8336")),
        ("borealis", "BOR-CM-0001"): ("USD", Decimal("-13.05")),
        ("borealis", "BOR-CM-0002"): ("USD", Decimal("-50")),
        ("cirrus", "CIR-2026-08"): ("EUR", Decimal("75")),
        ("cirrus", "CIR-2026-09"): ("EUR", Decimal("75")),
        ("cirrus", "CIR-2026-10"): ("EUR", Decimal("196")),
    }


def test_the_pool_of_september_is_used_idle_and_bought_once(datasets: Datasets) -> None:
    found = datasets.charges(
        """
        select "x_ChargeFamily", "SubAccountId", sum("PricingQuantity"), sum("BilledCost"),
            sum("EffectiveCost"), sum("ListCost")
        from focus_cost_and_usage where "CommitmentDiscountId" = 'pool-1'
        and "ChargeCategory" <> 'Credit'
        group by all order by all
        """
    )
    assert found == [
        ("commitment_purchase", "BU-PLATFORM", 7200, 14400, 0, 14400),
        ("unused_capacity", "BU-CLAIMS", 2530, 0, 5060, 9108),
        ("unused_capacity", "BU-PLATFORM", 1080, 0, 2160, 3888),
        ("used_capacity", "BU-CLAIMS", 3590, 0, 7180, 12924),
    ]


def test_the_service_credit_goes_to_those_who_bore_the_pool(datasets: Datasets) -> None:
    found = datasets.charges(
        """
        select "SubAccountId", "ChargeClass", "ChargePeriodStart"::date::varchar,
            "BillingPeriodStart"::date::varchar, sum("BilledCost")
        from focus_cost_and_usage where "InvoiceId" = 'BOR-CM-0002' group by all order by all
        """
    )
    assert found == [
        ("BU-CLAIMS", "Correction", "2026-09-01", "2026-10-01", Decimal("-42.5")),
        ("BU-PLATFORM", "Correction", "2026-09-01", "2026-10-01", Decimal("-7.5")),
    ]


def test_differences_between_bill_and_telemetry_stand_apart_by_class(datasets: Datasets) -> None:
    found = datasets.charges(
        """
        select "x_ResidualClass", "SubAccountId", sum("BilledCost") from focus_cost_and_usage
        where "x_ChargeFamily" = 'true_up' group by all order by all
        """
    )
    assert found == [
        ("bypass", "UNATTRIBUTED", Decimal("144")),
        ("missing_telemetry", "UNALLOCATED", Decimal("5.4")),
        ("price", "BU-UNDERWRITING", Decimal("13.05")),
    ]


def test_no_charge_holds_what_no_provider_charges(datasets: Datasets) -> None:
    dimensions = datasets.charges('select distinct "x_CostDimension" from focus_cost_and_usage')
    assert dimensions == [("model_inference",)]


# Files --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(sample_build: DbtRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the sample company's export."""
    folder = tmp_path_factory.mktemp("export")
    export(sample_build.database, sample_build.target_path / "manifest.json", folder)
    return folder


@pytest.mark.parametrize("version", TABLES)
def test_the_files_are_the_tables(exported: Path, sample_build: DbtRun, version: str) -> None:
    file = exported / f"{TABLES[version]}.parquet"
    with duckdb.connect() as connection:
        columns = connection.execute(f"describe from '{file}'").fetchall()
        rows = connection.execute(f"select * from '{file}' order by \"x_ChargeId\"").fetchall()
        metadata = connection.execute(f"from parquet_kv_metadata('{file}')").fetchall()
    assert rows == sample_build.rows(f'from {TABLES[version]} order by "x_ChargeId"')
    assert {kind for _, kind, *_ in columns} == {
        "VARCHAR", "TIMESTAMP", "BIGINT", "DECIMAL(38,12)",
    }  # fmt: skip
    assert [(key, value) for _, key, value in metadata] == [
        (b"focus_version", version.replace("_", ".").encode())
    ]


def test_a_failed_export_leaves_the_old_files(sample_build: DbtRun, tmp_path: Path) -> None:
    manifest = sample_build.target_path / "manifest.json"
    export(sample_build.database, manifest, tmp_path / "published")
    before = {path: path.read_bytes() for path in (tmp_path / "published").glob("*.parquet")}
    empty = tmp_path / sample_build.database.name
    with duckdb.connect(str(empty)) as connection:
        connection.execute(f"attach '{sample_build.database}' as built (read_only)")
        for table in TABLES.values():
            connection.execute(f"create table {table} as from built.main.{table} limit 0")
    with pytest.raises(PublishError, match="no rows"):
        export(empty, manifest, tmp_path / "published")
    with pytest.raises(PublishError, match="run 'dbt build' first"):
        export(tmp_path / "missing.duckdb", manifest, tmp_path / "published")
    assert len(before) == 2
    assert {path: path.read_bytes() for path in before} == before


# The gate around the validator --------------------------------------------------------------------


def test_tolerated_rules_and_their_composites_are_subtracted() -> None:
    judgement = judge(REPORTS / "tolerated_only.xml", [STATUS_RULE, INVOICE_NULL_RULE])
    assert judgement.unexpected == []
    assert judgement.tolerated == [STATUS_RULE, INVOICE_NULL_RULE]


def test_a_rule_that_is_not_tolerated_fails_the_gate() -> None:
    judgement = judge(REPORTS / "a_rule_fails.xml", [STATUS_RULE, INVOICE_NULL_RULE])
    assert judgement.unexpected == [
        "BilledCost-C-003-M :: Nullability",
        "EffectiveCost-C-000-M :: Composite",
        "EffectiveCost-C-005-C :: Validation",
    ]
    assert judgement.no_longer_failing == [STATUS_RULE]


def test_a_composite_is_excused_only_by_its_own_rule() -> None:
    report = REPORTS / "a_composite_rule_fails_alone.xml"
    judgement = judge(report, [STATUS_RULE, INVOICE_NULL_RULE, PURCHASE_RULE, INVOICE_PRESENT_RULE])
    assert judgement.unexpected == ["EffectiveCost-C-000-M :: Composite"]
    assert PURCHASE_RULE in judgement.no_longer_failing


@pytest.mark.parametrize("report", ["no_test.xml", "missing.xml", "PROVENANCE.md"])
def test_a_report_that_says_nothing_is_no_pass(report: str) -> None:
    with pytest.raises(NotRun):
        judge(REPORTS / report, [])


def test_the_gate_says_what_is_missing_with_its_own_exit_codes(
    exported: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = str(exported / "focus_cost_and_usage_v1_2.parquet")
    assert validate_focus.main(["--file", str(tmp_path / "missing.parquet")]) == NO_EXPORT
    monkeypatch.setattr(validate_focus, "python312", lambda: None)
    assert validate_focus.main(["--file", file]) == NO_PYTHON
    assert "PYTHON312" in capsys.readouterr().err

    # An environment that looks installed, with other rules than the pinned ones.
    environment = tmp_path / "environment"
    (environment / "lib" / "python3.12" / "site-packages").mkdir(parents=True)
    shutil.copy(validate_focus.LOCK, environment / "installed.lock")
    monkeypatch.setattr(validate_focus, "python312", lambda: "python3.12")
    arguments = ["--file", file, "--environment", str(environment), "--report", str(tmp_path)]
    assert validate_focus.main(arguments) == NOT_RUN
    assert "not the pinned ones" in capsys.readouterr().err


def test_another_python_is_not_taken_for_3_12(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "python3.12"
    other.write_text("#!/bin/sh\necho '(3, 11)' /usr/bin/python3.11\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PYTHON312", raising=False)
    assert python312() is None


@pytest.mark.parametrize("passing_copies", [False, True])
def test_a_corrupted_copy_that_passes_fails_the_gate(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passing_copies: bool
) -> None:
    """The three runs with reports made by hand instead of the validator's."""
    validated = []

    def report_by_hand(environment: Path, site_packages: Path, data: Path, report: Path) -> None:
        with duckdb.connect() as connection:
            validated.append(connection.execute(f"select count(*) from '{data}'").fetchall()[0][0])
        is_bad = data.stem == "corrupted" and not passing_copies
        shutil.copy(REPORTS / f"{'a_rule_fails' if is_bad else 'tolerated_only'}.xml", report)

    monkeypatch.setattr(validate_focus, "run_validator", report_by_hand)
    data = exported / "focus_cost_and_usage_v1_2.parquet"
    code = validate_focus.validate(data, tmp_path, tmp_path, tmp_path / "reports")
    assert code == (FAILED if passing_copies else PASSED)
    whole, settled, corrupted = validated
    assert whole > settled == corrupted > 0
    assert "InvoiceId-C-004-C" in (tmp_path / "reports" / "tolerated_rules.txt").read_text()


def test_the_official_validator_accepts_the_export(exported: Path, tmp_path: Path) -> None:
    """With its corrupted copy as negative control; needs Python 3.12."""
    python = python312()
    if python is None:
        pytest.skip("there is no Python 3.12, which the FOCUS validator needs")
    environment = PROJECT / ".venv-focus"
    try:
        prepare_environment(python, environment)
    except NotRun as problem:
        pytest.skip(f"the FOCUS validator cannot be installed: {problem}")
    code = validate_focus.main(
        [
            "--file", str(exported / "focus_cost_and_usage_v1_2.parquet"),
            "--environment", str(environment),
            "--report", str(tmp_path),
        ]
    )  # fmt: skip
    assert code == PASSED
