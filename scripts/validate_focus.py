"""Runs the official FOCUS validator on the export of FOCUS 1.2 and judges what it reports.

    python -m scripts.validate_focus [--file published/focus_cost_and_usage_v1_2.parquet]
                                     [--environment .venv-focus] [--report target/focus_validation]

The validator needs Python 3.12 and libraries of its own: the script makes an environment for it
from requirements-focus.lock, once. PYTHON312 says where Python 3.12 is when it is not on the PATH.

The validator ends with exit code 0 even when rules fail, and three of its rules are defective, so
its JUnit report is judged here:

1. the whole export, with the three defective rules tolerated by name;
2. the part that is invoiced, without purchases that cover nothing: only two of them may fail;
3. negative control: a corrupted copy of 2 has to fail.

The reports and the list of tolerated rules are left in the folder --report.

Exit code 0: passed. 1: a rule failed, or the corrupted copy passed. 2: the validator did not run.
3: there is no Python 3.12. 4: there is no export.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import duckdb

from scripts.publish_marts import PROJECT, text_literal

PASSED, FAILED, NOT_RUN, NO_PYTHON, NO_EXPORT = range(5)

LOCK = PROJECT / "requirements-focus.lock"
RULES_VERSION = "1.2.0.1"
RULES_SHA256 = "639b302ace9edd05922e3d15fcedf62723c92e7cf25e0a7a6684dd4fd4076fec"
# What the export claims to support; without it the validator skips most of its rules.
# Capacity reservations are left out: one of their rules fails on correct files.
CRITERIA = """
    ACCOUNT_NAMING_SUPPORTED COMMITMENT_DISCOUNT_SUPPORTED MULTIPLE_PRICING_CATEGORIES_SUPPORTED
    MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED
    NEGOTIATED_PRICING_SUPPORTED PUBLIC_PRICE_LIST_SUPPORTED USAGE_MEASUREMENT_SUPPORTED
    UNIT_PRICING_SUPPORTED SUB_ACCOUNT_SUPPORTED BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED
    RESOURCE_TYPE_ASSIGNMENT_SUPPORTED PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED
    REGION_SUPPORTED TAGGING_SUPPORTED
""".split()


@dataclass(frozen=True)
class ToleratedRule:
    """A rule that a correct export breaks, why, and the composite rules that fail with it."""

    rule: str
    defect: str
    parents: tuple[str, ...]


STATUS_RULE = ToleratedRule(
    "CommitmentDiscountStatus-C-004-C",
    "its condition is inverted: it fails on every file with a row outside a commitment",
    ("CommitmentDiscountStatus-C-000-C", "CommitmentDiscountStatus-C-002-C"),
)
INVOICE_NULL_RULE = ToleratedRule(
    "InvoiceId-C-004-C",
    "it lost its condition: InvoiceId 'must be null', also on invoiced rows",
    (),
)
PURCHASE_RULE = ToleratedRule(
    "EffectiveCost-C-005-C",
    "its condition is only 'Purchase': it fails on purchases that cover nothing, such as seats",
    ("EffectiveCost-C-000-M",),
)
# The counterpart of INVOICE_NULL_RULE lost its condition, too. Tolerated only while the file has
# rows without an invoice; the second run has none and must pass it.
INVOICE_PRESENT_RULE = ToleratedRule(
    "InvoiceId-C-005-C",
    "it lost its condition: InvoiceId 'must not be null', also on rows that no invoice covers yet",
    ("InvoiceId-C-000-O", "InvoiceId-C-003-C"),
)
# Composite rules of the whole dataset fail with any rule.
DATASET_PARENTS = ("CostAndUsage-D-000-M", "CostAndUsage-D-002-M")


class NotRun(Exception):
    """What kept the validator from running, said to the reader."""


@dataclass(frozen=True)
class Judgement:
    """What one report says: failures that count, tolerated rules that failed and that did not."""

    unexpected: list[str]
    tolerated: list[ToleratedRule]
    no_longer_failing: list[ToleratedRule]


def failed_tests(report: Path) -> list[str]:
    """Names of the failed tests of a JUnit report: `<rule> :: <kind>`."""
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError) as problem:
        raise NotRun(f"the validator left no readable report: {problem}") from None
    cases = list(root.iter("testcase"))
    if not cases:
        raise NotRun(f"{report} holds no test")
    return [
        case.attrib["name"]
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]


def judge(report: Path, tolerated: list[ToleratedRule]) -> Judgement:
    """Subtracts tolerated rules, and the composite rules that fail because of them."""
    failed = {name: name.split(" :: ")[0] for name in failed_tests(report)}
    failing = [rule for rule in tolerated if rule.rule in failed.values()]
    excused = {rule.rule for rule in failing}
    excused.update(parent for rule in failing for parent in rule.parents)
    if failing:
        excused.update(DATASET_PARENTS)
    return Judgement(
        unexpected=sorted(name for name, rule in failed.items() if rule not in excused),
        tolerated=failing,
        no_longer_failing=[rule for rule in tolerated if rule not in failing],
    )


def python312() -> str | None:
    """A command that starts Python 3.12, or None."""
    for candidate in (os.environ.get("PYTHON312"), "python3.12"):
        if candidate and shutil.which(candidate):
            answer = subprocess.run(
                [candidate, "-c", "import sys; print(sys.version_info[:2], sys.executable)"],
                capture_output=True,
                text=True,
                check=False,
                # Where several versions are kept side by side, their launcher asks which.
                env={**os.environ, "PYENV_VERSION": os.environ.get("PYENV_VERSION", "3.12")},
            )
            version, _, executable = answer.stdout.strip().rpartition(" ")
            if answer.returncode == 0 and version == "(3, 12)":
                return executable
    return None


def prepare_environment(python: str, environment: Path) -> Path:
    """Creates the validator's environment unless it is there; returns its site-packages."""
    installed = environment / "installed.lock"
    if not (installed.exists() and installed.read_bytes() == LOCK.read_bytes()):
        print(f"Creating {environment} from {LOCK.name}: about a minute, once.", flush=True)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        for command in (
            [python, "-m", "venv", "--clear", str(environment)],
            [*pip, "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", str(LOCK)],
        ):
            outcome = subprocess.run(command, capture_output=True, text=True, check=False)
            if outcome.returncode != 0:
                raise NotRun(f"{' '.join(command[:4])} failed: {outcome.stderr.strip()}")
        shutil.copy(LOCK, installed)
    (site_packages,) = (environment / "lib").glob("python*/site-packages")
    return site_packages


def require_pinned_rules(site_packages: Path) -> None:
    """Raises NotRun when the rules are not those that the tolerated defects were found in."""
    rules = site_packages / "focus_validator" / "rules" / f"model-{RULES_VERSION}.json"
    found = hashlib.sha256(rules.read_bytes()).hexdigest() if rules.exists() else "no file"
    if found != RULES_SHA256:
        raise NotRun(f"the rules {rules.name} are not the pinned ones: {found}")


def run_validator(environment: Path, site_packages: Path, data: Path, report: Path) -> None:
    """Validates one file; raises NotRun when the validator fails or leaves no report."""
    report.unlink(missing_ok=True)
    outcome = subprocess.run(
        [
            str(environment / "bin" / "focus-validator"),
            "--data-file", str(data),
            "--validate-version", RULES_VERSION,
            "--block-download",
            "--applicability-criteria", ",".join(CRITERIA),
            "--output-type", "unittest",
            "--output-destination", str(report),
        ],
        # It opens a file of its own by a path relative to its package.
        cwd=site_packages,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if outcome.returncode != 0 or not report.exists():
        raise NotRun(f"the validator failed: {(outcome.stderr or outcome.stdout).strip()[-2000:]}")


def write_part(data: Path, part: Path, columns: str, condition: str) -> int:
    """Writes rows of a Parquet file to another one; returns their number."""
    with duckdb.connect() as connection:
        source = f"from read_parquet({text_literal(str(data))}) where {condition}"
        connection.execute(
            f"copy (select {columns} {source}) to {text_literal(str(part))} (format parquet)"
        )
        return connection.execute(
            f"select count(*) from read_parquet({text_literal(str(part))})"
        ).fetchall()[0][0]


COVERS_NOTHING = '"ChargeCategory" = \'Purchase\' and "EffectiveCost" <> 0'
SETTLED = f'"InvoiceId" is not null and not ({COVERS_NOTHING})'
# A commitment that is counted twice; where none was bought, a currency that does not exist.
CORRUPTED = """
    * replace (
        case when "ChargeCategory" = 'Purchase' then "BilledCost" else "EffectiveCost" end
            as "EffectiveCost",
        case
            when max("ChargeCategory" = 'Purchase') over () then "BillingCurrency"
            else 'dollars'
        end as "BillingCurrency"
    )
"""


def report_run(name: str, judgement: Judgement) -> None:
    """Prints what one run found."""
    print(f"{name}: {len(judgement.unexpected)} unexpected failures.")
    for test in judgement.unexpected:
        print(f"  failed: {test}")
    for rule in judgement.tolerated:
        print(f"  tolerated: {rule.rule}, {rule.defect}")
    for rule in judgement.no_longer_failing:
        print(f"  did not fail and need not be tolerated here: {rule.rule}")


def validate(data: Path, environment: Path, site_packages: Path, folder: Path) -> int:
    """Validates an export three times and leaves the reports in `folder`; returns the exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {name: folder / f"{name}.parquet" for name in ("whole", "settled", "corrupted")}
    rows = write_part(data, parts["whole"], "*", "true")
    invoiced_rows = write_part(data, parts["settled"], "*", '"InvoiceId" is not null')
    settled_rows = write_part(data, parts["settled"], "*", SETTLED)

    def judged(name: str, tolerated: list[ToleratedRule]) -> Judgement:
        report = folder / f"{name}.xml"
        run_validator(environment, site_packages, parts[name], report)
        judgement = judge(report, tolerated)
        report_run(name, judgement)
        return judgement

    always = [STATUS_RULE, INVOICE_NULL_RULE]
    sometimes = [PURCHASE_RULE, *([INVOICE_PRESENT_RULE] if invoiced_rows < rows else [])]
    whole = judged("whole", [*always, *sometimes])
    runs = [whole]
    # What is corrupted is the invoiced part; without invoices, the whole.
    if settled_rows:
        runs.append(judged("settled", always))
        write_part(data, parts["corrupted"], CORRUPTED, SETTLED)
        control = judged("corrupted", always)
    else:
        print("settled: no row is invoiced yet, nothing to validate.")
        write_part(data, parts["corrupted"], CORRUPTED, "true")
        control = judged("corrupted", [*always, *sometimes])
    (folder / "tolerated_rules.txt").write_text(
        "".join(f"{rule.rule}: {rule.defect}\n" for rule in whole.tolerated)
    )
    for part in parts.values():
        part.unlink()
    if any(run.unexpected for run in runs):
        return FAILED
    if not control.unexpected:
        print("The corrupted copy passed: the gate does not see what it should.", file=sys.stderr)
        return FAILED
    return PASSED


def main(arguments: list[str] | None = None) -> int:
    """Reads the arguments and validates; returns the exit code."""
    parser = argparse.ArgumentParser(description="Validate the FOCUS 1.2 export.")
    default_file = PROJECT / "published" / "focus_cost_and_usage_v1_2.parquet"
    parser.add_argument("--file", type=Path, default=default_file)
    parser.add_argument("--environment", type=Path, default=PROJECT / ".venv-focus")
    default_report = PROJECT / "target" / "focus_validation"
    parser.add_argument("--report", type=Path, default=default_report)
    options = parser.parse_args(arguments)
    if not options.file.exists():
        print(f"{options.file} does not exist: run 'make export-focus' first.", file=sys.stderr)
        return NO_EXPORT
    python = python312()
    if python is None:
        print(
            "The FOCUS validator needs Python 3.12, and there is none: nothing was validated.\n"
            "Install it, or say where it is: PYTHON312=/path/to/python3.12 make validate-focus",
            file=sys.stderr,
        )
        return NO_PYTHON
    try:
        site_packages = prepare_environment(python, options.environment.resolve())
        require_pinned_rules(site_packages)
        code = validate(
            options.file.resolve(),
            options.environment.resolve(),
            site_packages,
            options.report.resolve(),
        )
    except NotRun as problem:
        print(f"Nothing was validated: {problem}.", file=sys.stderr)
        return NOT_RUN
    if code == PASSED:
        print(
            "The FOCUS 1.2 export passes every rule that focus-validator 2.2.1 can run of its"
            f" {RULES_VERSION} rules, except the defective ones above. Dynamic rules are not"
            " executed by the validator; tests of this project cover the money."
        )
    return code


if __name__ == "__main__":
    sys.exit(main())
