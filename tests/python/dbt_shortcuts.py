"""Spares the suite work that dbt repeats for every node or run and whose result is the same.

Each shortcut takes the place of one function of dbt-core 1.12.6 or an adapter. What is compiled,
run and compared stays dbt's: test_dbt_shortcuts.py holds each of them against the original.
"""

from __future__ import annotations

import gc
import marshal
import os
import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any
from unittest import mock

import dbt.adapters.sql.connections
import dbt.compilation
from dbt.adapters.base.impl import BaseAdapter
from dbt.adapters.base.relation import BaseRelation
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.impl import DuckDBAdapter
from dbt.adapters.factory import get_adapter
from dbt.clients.jinja import get_rendered
from dbt.config import RuntimeConfig
from dbt.constants import DEFAULT_ENV_PLACEHOLDER
from dbt.contracts.files import FileHash
from dbt.contracts.graph.manifest import Manifest, ManifestStateCheck
from dbt.contracts.graph.nodes import SeedNode
from dbt.parser.manifest import ManifestLoader
from dbt.tracking import track_behavior_change_warn
from dbt_common.clients import agate_helper
from dbt_common.clients.jinja import (
    MacroFuzzEnvironment,
    MacroFuzzTemplate,
    NativeSandboxTemplate,
)
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.logger import PRINT_EVENT_NAMES
from jinja2 import Template
from jinja2.runtime import Context
from sqlparse.engine import grouping
from sqlparse.lexer import tokenize

original_inject_ctes = dbt.compilation.inject_ctes_into_sql
original_state_check = ManifestLoader.build_manifest_state_check
original_read_manifest = ManifestLoader.read_manifest_for_partial_parse
original_connection_keys = DuckDBCredentials._connection_keys
original_compile = MacroFuzzEnvironment.compile
original_new_context = MacroFuzzTemplate.new_context
original_make_match = BaseAdapter._make_match
original_empty_table = agate_helper.empty_table
original_fire_event = EventManager.fire_event
original_event_init = BaseEvent.__init__
original_event_getattr = BaseEvent.__getattr__
original_event_setattr = BaseEvent.__setattr__

RAW_PATH = "AI_FINOPS_RAW_PATH"
RAW_FORMAT = "AI_FINOPS_RAW_FORMAT"


# One parse for all runs ---------------------------------------------------------------------------


def connection_keys_without_path(credentials: DuckDBCredentials) -> tuple[str, ...]:
    """dbt parses a project anew for another connection: not for another database file here."""
    return tuple(key for key in original_connection_keys(credentials) if key != "path")


def state_check_without_vars(loader: ManifestLoader) -> ManifestStateCheck:
    """dbt parses a project anew for other vars, which here lead to the same parse."""
    check = original_state_check(loader)
    config = loader.root_project
    circumstances = (config.profile_name, config.target_name)
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
        read_raw_files_of_this_run(manifest, loader.root_project)
    return manifest


def read_raw_files_of_this_run(manifest: Manifest, config: RuntimeConfig) -> None:
    """Where sources read is an environment variable. For another folder or format dbt would parse
    all of them anew, with every model and test that reads them: longer than many a build takes."""
    now = {
        name: os.environ.get(name, DEFAULT_ENV_PLACEHOLDER)
        for name in (RAW_PATH, RAW_FORMAT)
        if name in manifest.env_vars
    }
    if all(manifest.env_vars[name] == value for name, value in now.items()):
        return
    manifest.env_vars.update(now)
    for source in manifest.sources.values():
        (written,) = (
            one
            for one in manifest.files[source.file_id].dict_from_yaml["sources"]
            if one["name"] == source.source_name
        )
        location = get_rendered(
            written["config"]["meta"]["external_location"], {"env_var": os.environ.get}
        )
        for meta in (
            source.meta,
            source.source_meta,
            source.config.meta,
            source.unrendered_config["meta"],
        ):
            meta["external_location"] = location
        source.relation_name = str(get_adapter(config).Relation.create_from(config, source))


# Templates ----------------------------------------------------------------------------------------

known_templates: dict[tuple[Any, ...], CodeType] = {}


def compile_template_once(
    environment: MacroFuzzEnvironment,
    source: Any,
    name: str | None = None,
    filename: str | None = None,
    raw: bool = False,
    defer_init: bool = False,
) -> Any:
    """The same text compiles to the same code in each run of dbt; runs share macros and models."""
    arguments = (source, name, filename, raw, defer_init)
    if raw or not isinstance(source, str):
        return original_compile(environment, *arguments)
    key = (type(environment).__name__, *arguments)
    if key not in known_templates:
        known_templates[key] = original_compile(environment, *arguments)
    return known_templates[key]


def write_templates(path: Path) -> None:
    """Keeps the templates of this process for others, which start with a build."""
    path.write_bytes(marshal.dumps(known_templates))


def read_templates(path: Path) -> None:
    """Takes over the templates of another process."""
    known_templates.update(marshal.loads(path.read_bytes()))


class Names(ChainMap[str, Any]):
    """What a template may name. A plain ChainMap asks its maps through a generator, for each name
    of each template."""

    def __contains__(self, name: object) -> bool:
        for names in self.maps:  # noqa: SIM110 - any() takes longer than the lookups
            if name in names:
                return True
        return False


def context_of(
    template: Template,
    vars: Mapping[str, Any] | None = None,
    shared: bool = False,
    locals: Mapping[str, Any] | None = None,
) -> Context:
    """dbt looks up names when a template asks for them, but copies a thousand macros for each
    argument of a data test."""
    assert not shared and not locals
    shared_names = template.globals
    own_names = {} if vars is None else vars
    names = Names(own_names, *getattr(shared_names, "maps", [shared_names]))
    return template.environment.context_class(
        template.environment, names, template.name, template.blocks
    )


# Compilation --------------------------------------------------------------------------------------

LEADING_WITH = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*+with\s++(?!recursive\b)", re.I | re.S)
# What may hold a semicolon that ends no statement.
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.S)


def inject_ctes(sql: str, ctes: list[Any]) -> str:
    """Puts CTEs before those of a query that starts with some. dbt parses the whole query to find
    its `with`. Other queries are left to it, and those that are too long for it."""
    leading = LEADING_WITH.match(sql)
    if not ctes or not leading or ";" in QUOTED.sub("", sql) or is_too_long_for_dbt(sql):
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


# Relations and results ----------------------------------------------------------------------------


def match_by_identifier(
    adapter: BaseAdapter,
    relations: list[BaseRelation],
    database: str,
    schema: str,
    identifier: str,
) -> list[BaseRelation]:
    """dbt compares database, schema and name of each relation with what is asked for, and refuses
    those that differ in case only. Relations of other names are neither."""
    wanted = identifier.lower().strip('"')
    named = [one for one in relations if (one.identifier or "").lower().strip('"') == wanted]
    return original_make_match(adapter, named, database, schema, identifier)


# Every statement without a result makes an empty table, and each of them all parsers of dates.
empty_table = cache(original_empty_table)


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


# Garbage ------------------------------------------------------------------------------------------


@contextmanager
def nothing_collected() -> Iterator[None]:
    """A run of dbt makes half a million objects that are garbage at its end, and a million that
    are not: looking for the first among the second is for the time after it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def install() -> None:
    """Puts the shortcuts into the dbt of this process."""
    DuckDBCredentials._connection_keys = connection_keys_without_path
    ManifestLoader.build_manifest_state_check = state_check_without_vars
    ManifestLoader.read_manifest_for_partial_parse = read_manifest_of_any_copy
    dbt.compilation.inject_ctes_into_sql = inject_ctes
    MacroFuzzEnvironment.compile = compile_template_once
    MacroFuzzTemplate.new_context = NativeSandboxTemplate.new_context = context_of
    BaseAdapter._make_match = match_by_identifier
    agate_helper.empty_table = dbt.adapters.sql.connections.empty_table = empty_table
    BaseEvent.__init__ = keep_event
    BaseEvent.__getattr__ = get_from_event
    BaseEvent.__setattr__ = set_on_event
    EventManager.fire_event = fire_if_heard
