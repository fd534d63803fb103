"""Each shortcut of the suite, and of the linter, gives what it stands in for gives."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dbt_shortcuts
import pytest
from dbt.events.types import LogTestResult
from dbt.tracking import track_behavior_change_warn
from dbt_common.clients.jinja import NativeSandboxTemplate, get_template
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.types import BehaviorChangeEvent
from dbt_common.exceptions import CompilationError
from dbt_runs import DbtRun, run_dbt
from jinja2.nativetypes import NativeTemplate
from raw_files import copy_project
from sqlfluff.core import FluffConfig, Linter
from sqlfluff.utils.reflow.sequence import ReflowSequence
from sqlparse.engine import grouping

from scripts import lint_sql


class Cte:
    """What dbt injects."""

    def __init__(self, name: str) -> None:
        self.sql = f" __dbt__cte__{name} as (\nselect 1 as a\n)"


@pytest.mark.parametrize("limit", [None, 10_000])
def test_ctes_are_injected_where_dbt_injects_them(
    sample_build: DbtRun, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    # As dbt sets them for a run: without limits unless the user names one.
    monkeypatch.setattr(grouping, "MAX_GROUPING_DEPTH", None)
    monkeypatch.setattr(grouping, "MAX_GROUPING_TOKENS", limit)
    compiled = [path.read_text() for path in sample_build.target_path.glob("compiled/**/*.sql")]
    queries = [
        *sorted(compiled, key=len)[:: len(compiled) // 40],
        "-- A note.\n\n/* with\nanother */\nWITH a as (select 1) select * from a\n",
        "with recursive a as (select 1) select * from a",
        "select ';' as a",
        "with a as (select ';' as b) select * from a; ",
        "withdrawn",
        f"with a as (select {'1, ' * 4000} 1) select * from a",
    ]
    for query in queries:
        for ctes in ([], [Cte("one")], [Cte("one"), Cte("two")]):
            answers = [
                answer(inject, query, ctes)
                for inject in (dbt_shortcuts.inject_ctes, dbt_shortcuts.original_inject_ctes)
            ]
            assert answers[0] == answers[1]


def answer(inject: Callable[..., str], query: str, ctes: list[Cte]) -> str:
    """The query, or why dbt refuses it."""
    try:
        return inject(query, ctes)
    except CompilationError as error:
        return str(error)


def test_a_parse_is_the_same_for_other_vars_folders_and_copies(tmp_path: Path) -> None:
    """Only what a copy changes is parsed again, and gives what parsing everything gives."""
    project = copy_project(tmp_path / "project", keep_price_list=False)
    model = project / "models" / "marts" / "core" / "dim_dates.sql"
    model.write_text(model.read_text() + "\n-- Changed.\n")
    variables = {"sources": ["litellm"], "unpriced_limit_ratio": 0}
    for folder, arguments in (("shared", ["parse"]), ("alone", ["parse", "--no-partial-parse"])):
        run = run_dbt(
            arguments,
            tmp_path / folder,
            tmp_path / "raw",
            variables=variables,
            project=project,
            is_documented=True,
        )
        assert run.succeeded, run.error
    shared, alone = (nodes(tmp_path / folder / "target") for folder in ("shared", "alone"))
    assert shared == alone
    source = alone["source.ai_finops.litellm.spend_logs"]
    assert f"'{tmp_path}/raw/litellm/" in source["relation_name"]
    assert "-- Changed." in alone["model.ai_finops.dim_dates"]["raw_code"]


def nodes(target: Path) -> dict[str, Any]:
    """What dbt parsed, without when."""
    manifest = json.loads((target / "manifest.json").read_text())
    kinds = ("nodes", "sources", "unit_tests", "macros")
    found = {name: node for kind in kinds for name, node in manifest[kind].items()}
    return {name: node | {"created_at": None} for name, node in found.items()}


def test_a_native_template_finds_the_same_names() -> None:
    context = ChainMap({"a": 1, "b": [2]}, {"a": 3, "c": lambda value: {"d": value}})
    for text in ("{{ a }}", "{{ c(b) }}", "x{{ missing }}", "{{ [a, c(a)['d']] }}", "5"):
        template = get_template(text, context, native=True)
        ours = template.render(context)
        with pytest.MonkeyPatch.context() as original:
            original.setattr(NativeSandboxTemplate, "new_context", NativeTemplate.new_context)
            assert (type(ours), ours) == (type(ours), template.render(context))


def test_an_event_that_is_heard_has_its_facts() -> None:
    manager, heard = EventManager(), []
    manager.add_callback(heard.append)
    for level in (EventLevel.INFO, EventLevel.ERROR):
        event = LogTestResult(name="a", status="pass", index=1, num_models=2, execution_time=0.5)
        event.name = "b"
        manager.fire_event(event, level=level)
    assert [(one.info.level, one.data.name, one.data.num_models) for one in heard] == [
        ("info", "b", 2),
        ("error", "b", 2),
    ]


def test_an_event_that_nobody_hears_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run of dbt has a callback of its own, which looks for one kind of event only."""
    passed_on = []
    monkeypatch.setattr(
        dbt_shortcuts,
        "original_fire_event",
        lambda _manager, event, *_: passed_on.append(type(event).__name__),
    )
    manager = EventManager()
    manager.add_callback(track_behavior_change_warn)
    events = (
        LogTestResult(name="a", status="pass", index=1, num_models=2, execution_time=0.5),
        BehaviorChangeEvent(flag_name="a", flag_source="b", description="c", docs_url="d"),
    )
    for event in events:
        manager.fire_event(event, level=EventLevel.INFO)
    assert passed_on == ["BehaviorChangeEvent"]


def test_the_linter_finds_the_same_in_badly_set_sql(sample_build: DbtRun) -> None:
    folder = sample_build.target_path / "compiled" / "ai_finops" / "models"
    found = []
    for path in ("marts/core/dim_models.sql", "intermediate/rating/int_price_winners.sql"):
        sql = (folder / path).read_text()
        broken = sql.replace(" as ", "  AS ").replace(",\n", "\n,").replace("\n    ", "\n  ")
        violations = []
        for from_root in (
            lint_sql.OncePerFile(),
            lint_sql.sequence_of_root.__get__(ReflowSequence),
        ):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(ReflowSequence, "from_root", from_root)
                linter = Linter(
                    FluffConfig.from_path(
                        ".sqlfluff", overrides={"dialect": "duckdb", "templater": "raw"}
                    )
                )
                violations.append(
                    [
                        (one.rule_code(), one.line_no, one.line_pos, one.desc())
                        for one in linter.lint_string(broken).violations
                    ]
                )
        assert violations[0] == violations[1]
        found += violations[0]
    assert {"LT01", "LT02", "LT04"} <= {rule for rule, *_ in found}
