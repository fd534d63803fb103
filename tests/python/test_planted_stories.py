"""The planted stories: every expected answer whose mart exists must come out exactly."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from dbt_runs import PROJECT, DbtRun

EXPECTED_ANSWERS = PROJECT / "tests" / "expected" / "demo_stories.csv"
CONTROL_STORY = "S00"
# On the ledger, memo rows and the provider-clearing side are left out of a story's sum.
LEDGER = "fct_cost_lines"
COST_DIMENSIONS = re.compile(
    "model_inference|supporting_infrastructure|ai_tooling|human_effort|compliance_risk"
    "|platform_operations"
)


def expected_answers() -> list[dict[str, str]]:
    """Rows of the expected answers: story_id, mart, filter, column, expected, tolerance."""
    with EXPECTED_ANSWERS.open(newline="") as file:
        return list(csv.DictReader(file))


def mart_columns(build: DbtRun) -> dict[str, set[str]]:
    """Columns of every built relation, by relation."""
    columns: dict[str, set[str]] = {}
    for table, column in build.rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'main'"
    ):
        columns.setdefault(table, set()).add(column)
    return columns


def answer(build: DbtRun, row: dict[str, str]) -> Decimal | str:
    """What the mart says: a row count for `*`, the sum of numbers, the one value of a text."""
    where = row["filter"] or "1 = 1"
    if row["mart"] == LEDGER:
        where = f"({where}) and not is_memo and line_side <> 'provider_clearing'"
    if row["column"] == "*":
        return Decimal(build.value(f"select count(*) from {row['mart']} where {where}"))
    values = [
        value for (value,) in build.rows(f"select {row['column']} from {row['mart']} where {where}")
    ]
    if any(isinstance(value, str) for value in values):
        assert len(set(values)) == 1, f"{row['column']} holds several values: {sorted(set(values))}"
        return str(values[0])
    return sum((Decimal(str(value)) for value in values if value is not None), Decimal(0))


def posted_dimensions(build: DbtRun) -> set[str]:
    """Cost dimensions that the ledger posts so far."""
    return {name for (name,) in build.rows(f"select distinct cost_dimension from {LEDGER}")}


def is_answered(row: dict[str, str], columns: dict[str, set[str]], dimensions: set[str]) -> bool:
    """Whether the mart, the column and the cost dimensions of an expected answer exist yet."""
    asked = set(COST_DIMENSIONS.findall(row["filter"])) if row["mart"] == LEDGER else set()
    return (
        row["mart"] in columns
        and row["column"] in columns[row["mart"]] | {"*"}
        and asked <= dimensions
    )


def wrong_answers(build: DbtRun, rows: list[dict[str, str]]) -> Iterator[str]:
    """Every answer that is not the expected one, in words."""
    for row in rows:
        found = answer(build, row)
        if isinstance(found, str):
            right = found == row["expected"]
        else:
            right = abs(found - Decimal(row["expected"])) <= Decimal(row["tolerance"])
        if not right:
            yield (
                f"{row['story_id']} {row['mart']}.{row['column']} where {row['filter']}: "
                f"expected {row['expected']}, found {found}"
            )


def test_every_answerable_story_is_discovered(
    sample_build: DbtRun, planted_stories: dict[str, list[str]]
) -> None:
    """All rows of marts that exist are right; the rest is named as pending."""
    columns, dimensions = mart_columns(sample_build), posted_dimensions(sample_build)
    rows = expected_answers()
    answerable = [row for row in rows if is_answered(row, columns, dimensions)]
    assert answerable, "no expected answer could be looked up"
    wrong = list(wrong_answers(sample_build, answerable))
    stories = sorted({row["story_id"] for row in rows} - {CONTROL_STORY})
    pending = {row["story_id"] for row in rows if not is_answered(row, columns, dimensions)}
    planted_stories["discovered"] = [story for story in stories if story not in pending]
    planted_stories["pending"] = [story for story in stories if story in pending]
    assert not wrong, "\n".join(wrong)


def test_a_wrong_answer_is_noticed(sample_build: DbtRun) -> None:
    """The comparison itself can fail: one unit more in the last decimal is an error."""
    right = {
        "story_id": "S18",
        "mart": "fct_attempts",
        "filter": "cost_center_id = 'UNOWNED'",
        "column": "contracted_cost_usd",
        "expected": "0.2484",
        "tolerance": "0",
    }
    assert not list(wrong_answers(sample_build, [right]))
    assert list(wrong_answers(sample_build, [{**right, "expected": "0.248400000001"}]))


def test_the_quiet_application_raises_nothing(sample_build: DbtRun) -> None:
    """Fraud scoring is well run: no waste, no doubt, every question answered."""
    assert sample_build.rows(
        "select count(*), count(waste_reason), count(unpriced_reason), count(quality_flags)"
        " from fct_attempts where application_id = 'fraud-score'"
    ) == [(735, 0, 0, 0)]
    assert sample_build.rows(
        "select min(legibility_score), sum(case when is_successful then 0 else 1 end)"
        " from fct_interactions where application_id = 'fraud-score'"
    ) == [(5, 0)]


@pytest.mark.parametrize("path", [EXPECTED_ANSWERS])
def test_expected_answers_cover_all_stories(path: Path) -> None:
    """26 stories are planted; none may drop out of the list."""
    stories = {row["story_id"] for row in expected_answers()} - {CONTROL_STORY}
    assert stories == {f"S{number:02d}" for number in range(1, 27)}
