"""Spares the suite work that dbt repeats for every node or run and whose result is the same.

Each shortcut takes the place of one function of dbt-core 1.12.6 or an adapter. What is compiled,
run and compared stays dbt's: test_dbt_shortcuts.py holds each of them against the original.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import dbt.compilation
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.impl import DuckDBAdapter
from dbt.contracts.files import FileHash
from dbt.contracts.graph.manifest import Manifest, ManifestStateCheck
from dbt.contracts.graph.nodes import SeedNode
from dbt.parser.manifest import ManifestLoader
from dbt.tracking import track_behavior_change_warn
from dbt_common.clients.jinja import MacroFuzzTemplate, NativeSandboxTemplate
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import PRINT_EVENT_NAMES
from sqlparse.engine import grouping
from sqlparse.lexer import tokenize

original_inject_ctes = dbt.compilation.inject_ctes_into_sql
original_state_check = ManifestLoader.build_manifest_state_check
original_read_manifest = ManifestLoader.read_manifest_for_partial_parse
original_connection_keys = DuckDBCredentials._connection_keys
original_fire_event = EventManager.fire_event
original_event_init = BaseEvent.__init__
original_event_getattr = BaseEvent.__getattr__
original_event_setattr = BaseEvent.__setattr__

RAW_PATH = "AI_FINOPS_RAW_PATH"


# One parse for all runs ---------------------------------------------------------------------------


def changes_parse(variables: dict[str, Any] | None) -> bool:
    """Whether these vars lead to another parse than none: `as_of` alone, which is read at parse."""
    return bool((variables or {}).get("as_of"))


def connection_keys_without_path(credentials: DuckDBCredentials) -> tuple[str, ...]:
    """dbt parses a project anew for another connection: not for another database file here."""
    return tuple(key for key in original_connection_keys(credentials) if key != "path")


def state_check_without_vars(loader: ManifestLoader) -> ManifestStateCheck:
    """dbt parses a project anew for other vars: here only for those that lead to another parse."""
    check = original_state_check(loader)
    config = loader.root_project
    circumstances = (changes_parse(config.cli_vars), config.profile_name, config.target_name)
    check.vars_hash = FileHash.from_contents(str(circumstances))
    return check


def read_manifest_of_any_copy(loader: ManifestLoader) -> Any:
    """An earlier parse, of this project or of what it was copied from: dbt parses files that differ
    again. Seeds alone remember the folder that they were found in, sources that of the raw files.
    """
    manifest = original_read_manifest(loader)
    if manifest:
        for node in manifest.nodes.values():
            if isinstance(node, SeedNode):
                node.root_path = loader.root_project.project_root
        look_into_raw_path(manifest)
    return manifest


def look_into_raw_path(manifest: Manifest) -> None:
    """Sources read the raw folder of this run. dbt would parse all of them anew, with every model
    and test that reads them, which takes longer than many a build."""
    before, now = manifest.env_vars.get(RAW_PATH), os.environ.get(RAW_PATH)
    if before is None or now is None:
        return
    manifest.env_vars[RAW_PATH] = now
    for source in manifest.sources.values():
        location = source.meta["external_location"].replace(f"'{before}/", f"'{now}/")
        for meta in (
            source.meta,
            source.source_meta,
            source.config.meta,
            source.unrendered_config["meta"],
        ):
            meta["external_location"] = location
        source.relation_name = source.relation_name.replace(f"'{before}/", f"'{now}/")


# Compilation --------------------------------------------------------------------------------------

LEADING_WITH = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*+with\s++(?!recursive\b)", re.I | re.S)


def inject_ctes(sql: str, ctes: list[Any]) -> str:
    """Puts CTEs before those of a query that starts with some. dbt parses the whole query to find
    its `with`. Other queries are left to it, and those that are too long for it."""
    leading = LEADING_WITH.match(sql)
    if not ctes or not leading or ";" in sql or is_too_long_for_dbt(sql):
        return original_inject_ctes(sql, ctes)
    injected = ", ".join(cte.sql for cte in ctes)
    return f"{sql[: leading.end()]}{injected}, {sql[leading.end() :]}"


def is_too_long_for_dbt(sql: str) -> bool:
    """Whether dbt's parser refuses to group that many tokens; dbt sets its limit, by default none,
    at the start of a run."""
    limit = grouping.MAX_GROUPING_TOKENS
    return limit is not None and len(sql) > limit and sum(1 for _ in tokenize(sql)) > limit


@contextmanager
def columns_asked_for_once() -> Iterator[None]:
    """For runs of unit tests, which ask for the columns of the same relations over and over, and
    build none but temporary ones."""
    known: dict[str, list[Any]] = {}
    ask = DuckDBAdapter.get_columns_in_relation

    def columns_in_relation(adapter: DuckDBAdapter, relation: Any) -> list[Any]:
        if "__dbt_tmp" in relation.identifier:
            return ask(adapter, relation)
        name = relation.render()
        if name not in known:
            known[name] = ask(adapter, relation)
        return list(known[name])

    with mock.patch.object(DuckDBAdapter, "get_columns_in_relation", columns_in_relation):
        yield


# Events -------------------------------------------------------------------------------------------


def keep_event(event: BaseEvent, *arguments: Any, **facts: Any) -> None:
    """An event keeps its facts: most are never looked at, and making a message takes longest."""
    object.__setattr__(event, "_facts", (arguments, facts))


def make_message(event: BaseEvent) -> None:
    """Makes the message, when somebody asks for it."""
    if "_facts" in event.__dict__:
        arguments, facts = event.__dict__.pop("_facts")
        original_event_init(event, *arguments, **facts)


def get_from_event(event: BaseEvent, name: str) -> Any:
    make_message(event)
    return original_event_getattr(event, name)


def set_on_event(event: BaseEvent, name: str, value: Any) -> None:
    make_message(event)
    original_event_setattr(event, name, value)


def fire_if_heard(
    manager: EventManager,
    event: BaseEvent,
    level: EventLevel | None = None,
    node: Any = None,
    force_warn_or_error_handling: bool = False,
) -> None:
    """Leaves out what no callback and no logger would take."""
    name = type(event).__name__
    is_heard = (
        any(callback is not track_behavior_change_warn for callback in manager.callbacks)
        # dbt's own callback, which every run has, takes these only.
        or name == "BehaviorChangeEvent"
        or force_warn_or_error_handling
        or (level or event.level_tag()) in (EventLevel.WARN, EventLevel.ERROR)
        or any(logger.level != EventLevel.ERROR for logger in manager.loggers)
        or name in PRINT_EVENT_NAMES
    )
    if is_heard:
        original_fire_event(manager, event, level, node, force_warn_or_error_handling)


def install() -> None:
    """Puts the shortcuts into the dbt of this process."""
    DuckDBCredentials._connection_keys = connection_keys_without_path
    ManifestLoader.build_manifest_state_check = state_check_without_vars
    ManifestLoader.read_manifest_for_partial_parse = read_manifest_of_any_copy
    dbt.compilation.inject_ctes_into_sql = inject_ctes
    # dbt looks up names when a template asks for them, but copies a thousand macros for each
    # argument of a data test.
    NativeSandboxTemplate.new_context = MacroFuzzTemplate.new_context
    BaseEvent.__init__ = keep_event
    BaseEvent.__getattr__ = get_from_event
    BaseEvent.__setattr__ = set_on_event
    EventManager.fire_event = fire_if_heard
    # A manifest is a million small objects: the collector's usual pace walks them again and again.
    gc.set_threshold(100_000, 50, 50)
