"""Each shortcut of the suite, and of the linter, gives what it stands in for gives."""

from __future__ import annotations

import json
from collections import ChainMap
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import dbt_shortcuts
import pytest
from dbt.adapters.duckdb.relation import DuckDBRelation
from dbt.adapters.exceptions.compilation import ApproximateMatchError
from dbt.events.types import LogTestResult
from dbt.tracking import track_behavior_change_warn
from dbt_common.clients.jinja import (
    MacroFuzzEnvironment,
    MacroFuzzTemplate,
    NativeSandboxTemplate,
    get_template,
)
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.types import BehaviorChangeEvent
from dbt_common.exceptions import CompilationError
from dbt_runs import DbtRun, run_dbt
from jinja2.nativetypes import NativeTemplate
from raw_files import copy_project
from sqlfluff.core import FluffConfig, Linter
from sqlfluff.core.parser import RawSegment
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
        "with a as (select 1 as b -- not 'one; two\n) select * from a",
        "with a as (select 'it''s; --' as b /* ; */) select * from a; select 2",
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
    variables = {
        "sources": ["litellm"],
        "unpriced_limit_ratio": 0,
        "as_of": "2026-10-10 08:59:59",
    }
    for folder, arguments in (("shared", ["parse"]), ("alone", ["parse", "--no-partial-parse"])):
        run = run_dbt(
            arguments,
            tmp_path / folder,
            tmp_path / "raw",
            variables=variables,
            settings={"AI_FINOPS_RAW_FORMAT": "csv"},
            project=project,
            is_documented=True,
        )
        assert run.succeeded, run.error
    shared, alone = (nodes(tmp_path / folder / "target") for folder in ("shared", "alone"))
    # Names only: a node is pages long.
    assert {name for name in shared | alone if shared.get(name) != alone.get(name)} == set()
    source = alone["source.ai_finops.litellm.spend_logs"]
    assert source["relation_name"].startswith(f"read_csv('{tmp_path}/raw/litellm/")
    assert "-- Changed." in alone["model.ai_finops.dim_dates"]["raw_code"]


def nodes(target: Path) -> dict[str, Any]:
    """What dbt parsed, without when."""
    manifest = json.loads((target / "manifest.json").read_text())
    kinds = ("nodes", "sources", "unit_tests", "macros")
    found = {name: node for kind in kinds for name, node in manifest[kind].items()}
    return {name: node | {"created_at": None} for name, node in found.items()}


TEMPLATES = (
    "{{ a }}",
    "{{ c(b) }}",
    "x{{ missing }}",
    "{{ [a, c(a)['d'], range(2) | list] }}",
    "5",
    "{% macro m(x) %}{{ x ~ 'y' }}{% endmacro %}{{ dbt_macro__m(a) }}",
    "{{ 'A' | lower }}{% if missing is defined %}{{ 1 / 0 }}{% endif %}",
)


@pytest.mark.parametrize("is_native", [False, True])
def test_a_template_gives_the_same_and_is_compiled_once(is_native: bool) -> None:
    context = ChainMap({"a": 1, "b": [2]}, {"a": 3, "c": lambda value: {"d": value}})
    original = NativeTemplate.new_context if is_native else dbt_shortcuts.original_new_context
    changed = NativeSandboxTemplate if is_native else MacroFuzzTemplate
    for text in TEMPLATES:
        ours = get_template(text, context, native=is_native)
        known = len(dbt_shortcuts.known_templates)
        again = get_template(text, context, native=is_native)
        assert len(dbt_shortcuts.known_templates) == known
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(changed, "new_context", original)
            patched.setattr(MacroFuzzEnvironment, "compile", dbt_shortcuts.original_compile)
            expected = get_template(text, context, native=is_native).render(context)
        for template in (ours, again):
            rendered = template.render(context)
            assert (type(rendered), rendered) == (type(expected), expected)


def test_a_native_template_is_not_a_text_template() -> None:
    context = {"a": [1]}
    for is_native, rendered in ((False, "[1]"), (True, [1])):
        assert get_template("{{ a }}", context, native=is_native).render(context) == rendered


# As the adapter does without quoting of its own.
QUOTES_NOTHING = {
    "_make_match_kwargs.side_effect": lambda database, schema, identifier: {
        "database": database,
        "schema": schema,
        "identifier": identifier,
    }
}


@pytest.mark.parametrize("wanted", ["orders", "Orders", "ORDERS", '"orders"', "order", ""])
def test_a_relation_is_found_or_refused_as_dbt_does(wanted: str) -> None:
    relations = [
        DuckDBRelation.create(database="d", schema=schema, identifier=name)
        for schema, name in (("s", "orders"), ("t", "orders"), ("s", "Other"), ("s", None))
    ]
    answers = []
    for match in (dbt_shortcuts.match_by_identifier, dbt_shortcuts.original_make_match):
        try:
            found = match(mock.Mock(**QUOTES_NOTHING), relations, "d", "s", wanted)
            answers.append([relation.render() for relation in found])
        except ApproximateMatchError as error:
            answers.append(str(error))
    assert answers[0] == answers[1]


def test_an_empty_result_is_empty() -> None:
    ours, original = dbt_shortcuts.empty_table(), dbt_shortcuts.original_empty_table()
    assert (len(ours.rows), ours.column_names) == (len(original.rows), original.column_names)


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
        for from_root, is_type in (
            (lint_sql.OncePerFile(), lint_sql.is_type),
            (lint_sql.sequence_of_root.__get__(ReflowSequence), lint_sql.original_is_type),
        ):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(ReflowSequence, "from_root", from_root)
                patched.setattr(RawSegment, "is_type", is_type)
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
