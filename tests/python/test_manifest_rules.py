"""Rules that the project keeps about itself, read from dbt's manifest: one parse, no build.

An exception stands in a dictionary at the top of its rule with the reason for it. The list may only
shrink: an entry that is no longer needed fails the test, too.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dbt_runs import PROJECT, DbtRun, run_dbt

Node = dict[str, Any]

CANONICAL_REQUEST = """
    attempt_id source_name source_record_id provider_response_id interaction_id session_id run_id
    parent_step_id step_id application_id workflow_id component_id component_version api_key_hash
    user_pseudonym cost_center_tag case_key billing_account_id provider_id model_requested
    model_served region_id deployment_id commitment_pool_tag
    environment interaction_type operation pricing_mode service_tier_requested service_tier_served
    attempt_grain attempt_role status error_class finish_reason usage_source request_tags
    attempt_number retries_reported fallbacks_reported input_uncached_tokens cache_read_tokens
    cache_write_5m_tokens cache_write_1h_tokens output_tokens reasoning_tokens input_audio_tokens
    output_audio_tokens input_image_tokens context_tokens other_meters gateway_reported_cost_usd
    latency_seconds time_to_first_token_seconds
    is_gateway_cache_hit is_streamed is_success is_session_explicit
    started_at ended_at ingested_at record_hash
""".split()

# Layers from left to right. A node may read its own layer and those to its left.
SEED, STAGING, SNAPSHOT, INTERMEDIATE, CORE, AUDIENCE = range(6)
AUDIENCES = ("finance", "platform", "product", "governance")

REFERENCES_TO_THE_RIGHT = {
    ("int_interaction_days", "fct_attempts"): (
        "fingerprints the rows that fct_interactions is built from, which are those of fct_attempts"
    ),
    ("int_costliest_models", "fct_attempts"): "the effective cost decides it, for fct_interactions",
    ("int_repeated_steps", "fct_attempts"): "counts accepted attempts, for fct_interactions",
    ("int_interaction_evidence", "fct_attempts"): (
        "joins business events to interactions, which exist only as attempts that were accepted"
    ),
    ("int_focus_meters", "fct_attempts"): (
        "meters other than tokens stand call by call, and only calls that were accepted count"
    ),
    ("int_capacity_attempts", "fct_attempts"): (
        "weighs what accepted calls asked of a pool; the rates they pay do not depend on it"
    ),
    ("int_gateway_differences", "fct_attempts"): "compares what accepted calls cost in the end",
    ("int_true_up_residuals", "fct_attempts"): "what the calls of a bill leave of it",
    ("int_models_without_rate", "dim_dates"): "the calendar's months are a mart and nowhere else",
}

SEEDS_READ_BY_STAGING = {
    "token_conventions": "what a source's token counts contain decides what its columns mean",
}

MODEL_LINES = 150
# Lines allowed and why. Most lines are columns: canonical requests and attempts stay wide.
LONG_MODELS: dict[str, tuple[int, str]] = {
    "stg_litellm__requests": (250, "62 columns, each with the gateway's own traps"),
    "stg_otel_genai__requests": (377, "62 columns out of two generations of attribute names"),
    "fct_attempts": (248, "77 columns, one per line"),
    "fct_interactions": (253, "60 columns, one per line, most of them aggregated first"),
    "int_attempts_identified": (159, "every column of a request passes through by name"),
    "int_otel_genai_requests_placed": (
        210,
        "one walk of the span tree; halves would share its state",
    ),
}

MACRO_LINES = 25
LONG_MACROS: dict[str, tuple[int, str]] = {}

MAXIMUM_VARS = 12

# Numbers that describe a row and are never added up: parts of a date, ends of a range.
DESCRIBING_NUMBERS = re.compile(
    r"calendar_year|month_of_year|day_of_month|iso_day_of_week|.*_(from|until)_(tokens|units)"
)
NUMBER_TYPES = re.compile(r"bigint|integer|double|numeric.*|decimal.*")
COLUMN_TYPES = re.compile(
    r"bigint|integer|double|varchar|date|timestamp|boolean|(numeric|decimal)\(\d+, ?\d+\)"
)
RATIO_NAMES = re.compile(r".*_ratio|.*_per_.*")


@dataclass(frozen=True)
class Manifest:
    """The parts of dbt's manifest that the rules look at."""

    content: dict[str, Any]

    def nodes(self, resource_type: str) -> Iterator[Node]:
        """Nodes of one kind, in the order of their names."""
        nodes = (n for n in self.content["nodes"].values() if n["resource_type"] == resource_type)
        return iter(sorted(nodes, key=lambda node: node["unique_id"]))

    def models(self, folder: str = "") -> list[Node]:
        """Models below a folder of models/."""
        return [n for n in self.nodes("model") if n["path"].startswith(folder)]

    def node(self, unique_id: str) -> Node:
        """The node of an id."""
        return self.content["nodes"][unique_id]

    def generic_tests(self, model: Node) -> list[tuple[str, dict[str, Any]]]:
        """Name and arguments of the generic tests on a model and its columns."""
        return [
            (node["test_metadata"]["name"], node["test_metadata"]["kwargs"])
            for node in self.nodes("test")
            if node.get("attached_node") == model["unique_id"] and node.get("test_metadata")
        ]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The manifest with every source switched on."""
    sources = sorted(path.name for path in (PROJECT / "models" / "staging").iterdir())
    run = run_dbt(
        ["parse"],
        tmp_path_factory.mktemp("parse"),
        variables={"sources": sources},
        is_documented=True,
    )
    assert run.succeeded, run.error
    return Manifest(json.loads((run.target_path / "manifest.json").read_text()))


def layer(node: Node) -> int:
    """The layer that a node belongs to."""
    if node["resource_type"] == "seed":
        return SEED
    if node["resource_type"] == "snapshot":
        return SNAPSHOT
    folders = Path(node["path"]).parts
    if folders[0] == "marts":
        return CORE if folders[1] == "core" else AUDIENCE
    return {"staging": STAGING, "intermediate": INTERMEDIATE}[folders[0]]


def parents(manifest: Manifest, node: Node) -> list[Node]:
    """Models, seeds and snapshots that a node reads."""
    return [
        manifest.node(unique_id)
        for unique_id in node["depends_on"]["nodes"]
        if unique_id in manifest.content["nodes"]
    ]


def non_blank_lines(text: str) -> int:
    """Lines with something on them."""
    return sum(1 for line in text.splitlines() if line.strip())


# Flow ---------------------------------------------------------------------------------------------


def test_only_staging_reads_sources(manifest: Manifest) -> None:
    readers = {
        node["unique_id"]
        for node in manifest.content["nodes"].values()
        if any(parent.startswith("source.") for parent in node["depends_on"].get("nodes", []))
    }
    outside = [
        unique_id
        for unique_id in readers
        if not manifest.node(unique_id)["original_file_path"].startswith("models/staging/")
    ]
    assert outside == []
    assert readers, "no node reads a source: the rule looks at nothing"


def test_no_model_reads_to_its_right(manifest: Manifest) -> None:
    found = {
        (model["name"], parent["name"])
        for model in [*manifest.models(), *manifest.nodes("snapshot")]
        for parent in parents(manifest, model)
        if layer(parent) > layer(model)
    }
    assert found == set(REFERENCES_TO_THE_RIGHT)


def test_staging_reads_its_own_source_only(manifest: Manifest) -> None:
    wrong = []
    for model in manifest.models("staging/"):
        own_folder = Path(model["path"]).parent
        for parent in parents(manifest, model):
            is_own = layer(parent) == STAGING and Path(parent["path"]).parent == own_folder
            if not is_own and parent["name"] not in SEEDS_READ_BY_STAGING:
                wrong.append((model["name"], parent["name"]))
    assert wrong == []


def test_audiences_read_neither_staging_nor_each_other(manifest: Manifest) -> None:
    wrong = [
        (model["name"], parent["name"])
        for audience in AUDIENCES
        for model in manifest.models(f"marts/{audience}/")
        for parent in parents(manifest, model)
        if layer(parent) in (STAGING, SNAPSHOT)
        or (layer(parent) == AUDIENCE and not parent["path"].startswith(f"marts/{audience}/"))
    ]
    assert wrong == []


def test_every_model_lies_in_a_known_folder(manifest: Manifest) -> None:
    allowed = re.compile(
        r"staging/[a-z_]+/stg_|intermediate/"
        r"(requests|rating|billing|commitment|allocation|outcome|focus)/int_"
        r"|marts/(core|finance|platform|product|governance)/(fct|dim|rpt|focus)_"
    )
    assert [m["path"] for m in manifest.models() if not allowed.match(m["path"])] == []


# Marts --------------------------------------------------------------------------------------------


def test_marts_are_governed_tables(manifest: Manifest) -> None:
    wrong = []
    for mart in manifest.models("marts/"):
        config = mart["config"]
        checks = {
            "is no table": config["materialized"] in ("table", "incremental"),
            "has no enforced contract": config["contract"]["enforced"],
            "is not public": config["access"] == "public",
            "has no group": bool(config["group"]),
            "declares no grain": bool(config["meta"].get("grain")),
        }
        wrong += [f"{mart['name']} {problem}" for problem, holds in checks.items() if not holds]
    assert wrong == []


def test_the_grain_of_a_mart_is_tested(manifest: Manifest) -> None:
    wrong = []
    for mart in manifest.models("marts/"):
        grain = mart["config"]["meta"].get("grain", [])
        tests = manifest.generic_tests(mart)
        unique = [
            kwargs.get("columns") or [kwargs["column_name"].strip('"')]
            for name, kwargs in tests
            if name in ("unique", "unique_combination")
        ]
        not_null = {
            kwargs["column_name"].strip('"') for name, kwargs in tests if name == "not_null"
        }
        if not any(sorted(columns) == sorted(grain) for columns in unique):
            wrong.append(f"{mart['name']}: no uniqueness test on exactly {grain}")
        if not set(grain) <= not_null and len(grain) == 1:
            wrong.append(f"{mart['name']}: {grain} is not tested for null")
        if not set(grain) <= set(mart["columns"]):
            wrong.append(f"{mart['name']}: {grain} are not all columns")
    assert wrong == []


def test_columns_of_marts_are_described_and_typed(manifest: Manifest) -> None:
    wrong = [
        f"{mart['name']}.{column['name']}"
        for mart in manifest.models("marts/")
        for column in mart["columns"].values()
        if not column["description"].strip()
        or not COLUMN_TYPES.fullmatch(column["data_type"] or "")
    ]
    assert wrong == []


def test_money_is_decimal_and_says_which_kind_of_cost_it_is(manifest: Manifest) -> None:
    wrong = [
        f"{model['name']}.{column['name']} {column['data_type']}"
        for model in manifest.models()
        for column in model["columns"].values()
        if column["name"] == "cost_usd"
        or (
            re.search(r"_usd(_|$)", column["name"])
            and column["data_type"]
            and not column["data_type"].startswith(("numeric", "decimal"))
        )
    ]
    assert wrong == []


def measures(mart: Node) -> list[Node]:
    """Columns of a mart that hold a number to add up or to compare."""
    return [
        column
        for column in mart["columns"].values()
        if NUMBER_TYPES.fullmatch(column["data_type"] or "")
        and not DESCRIBING_NUMBERS.fullmatch(column["name"])
        and not (
            column["name"] in mart["config"]["meta"].get("grain", [])
            and "additivity" not in column["config"]["meta"]
        )
    ]


def test_every_measure_says_how_it_adds_up(manifest: Manifest) -> None:
    wrong = []
    for mart in manifest.models("marts/"):
        for column in measures(mart):
            meta = column["config"]["meta"]
            additivity = meta.get("additivity")
            if additivity not in ("additive", "semi_additive", "non_additive"):
                wrong.append(f"{mart['name']}.{column['name']}: additivity {additivity}")
            if additivity == "non_additive" and meta.get("default_aggregation") != "none":
                wrong.append(f"{mart['name']}.{column['name']}: default_aggregation is not none")
            if meta.get("part_of") and meta["part_of"] not in mart["columns"]:
                wrong.append(f"{mart['name']}.{column['name']}: part of a column that is not there")
    assert wrong == []


def test_every_ratio_names_its_numerator_and_denominator(manifest: Manifest) -> None:
    wrong = []
    for mart in manifest.models("marts/"):
        if mart["name"].startswith("dim_"):
            continue
        for column in measures(mart):
            meta = column["config"]["meta"]
            named = [meta.get("numerator"), meta.get("denominator")]
            if not RATIO_NAMES.fullmatch(column["name"]) and named == [None, None]:
                continue
            if not set(named) <= set(mart["columns"]) or meta.get("additivity") != "non_additive":
                wrong.append(f"{mart['name']}.{column['name']}: {named}")
    assert wrong == []


# Documentation ------------------------------------------------------------------------------------


def test_every_model_has_its_own_yaml_beside_it(manifest: Manifest) -> None:
    # Versions of a model share one, under the model's name.
    wrong = [
        model["path"]
        for model in manifest.models()
        if (model["patch_path"] or "").split("://")[-1]
        != str(Path(model["original_file_path"]).with_name(f"{model['name']}.yml"))
    ]
    assert wrong == []


def test_every_description_starts_with_the_grain(manifest: Manifest) -> None:
    wrong = [
        node["name"]
        for node in [*manifest.models(), *manifest.nodes("seed"), *manifest.nodes("snapshot")]
        if not node["description"].startswith("One row per ")
    ]
    assert wrong == []


def test_no_description_ends_its_own_quotes(manifest: Manifest) -> None:
    """Snowflake gets a description between two pairs of dollar signs."""
    for node in [*manifest.models(), *manifest.nodes("seed"), *manifest.nodes("snapshot")]:
        columns = node["columns"].values()
        for text in (node["description"], *(column["description"] for column in columns)):
            assert "$$" not in text and not text.endswith("$")


def test_every_seed_column_is_described(manifest: Manifest) -> None:
    wrong = []
    for seed in manifest.nodes("seed"):
        path = PROJECT / seed["original_file_path"]
        with path.open(newline="") as file:
            header = next(csv.reader(file))
        described = [name for name, column in seed["columns"].items() if column["description"]]
        if header != described:
            wrong.append(f"{seed['name']}: {set(header) ^ set(described) or 'another order'}")
        if not path.with_suffix(".yml").exists():
            wrong.append(f"{seed['name']}: no YAML beside it")
    assert wrong == []


def test_every_source_is_described_and_watched(manifest: Manifest) -> None:
    wrong = []
    for table in manifest.content["sources"].values():
        is_optional = table["config"]["meta"].get("optional", False)
        if not is_optional and not (table["freshness"] and table["loaded_at_field"]):
            wrong.append(f"{table['name']}: no freshness")
        wrong += [
            f"{table['name']}.{column['name']}"
            for column in table["columns"].values()
            if not column["description"] or not column["data_type"]
        ]
        if not table["description"].startswith("One row per "):
            wrong.append(f"{table['name']}: description")
    assert wrong == []


def test_canonical_requests_have_the_agreed_columns(sample_build: DbtRun) -> None:
    columns = dict(
        sample_build.rows(
            "select table_name, list(column_name order by ordinal_position)"
            " from information_schema.columns"
            " where regexp_full_match(table_name, 'stg_.*__requests')"
            " group by table_name"
        )
    )
    assert len(CANONICAL_REQUEST) == 62
    assert columns
    assert [name for name, found in columns.items() if found != CANONICAL_REQUEST] == []


# Sizes and settings -------------------------------------------------------------------------------


def test_models_can_be_read_in_one_sitting() -> None:
    lines = {
        path.stem: non_blank_lines(path.read_text()) for path in (PROJECT / "models").rglob("*.sql")
    }
    too_long = {
        name: count
        for name, count in lines.items()
        if count > LONG_MODELS.get(name, (MODEL_LINES, ""))[0]
    }
    assert too_long == {}
    assert [name for name in LONG_MODELS if lines.get(name, 0) <= MODEL_LINES] == []


def test_macros_are_short() -> None:
    body = re.compile(r"{%-? macro (\w+)\(.*?\) -?%}\n?(.*?){%-? endmacro -?%}", re.DOTALL)
    lines = {
        name: non_blank_lines(text)
        for path in (PROJECT / "macros").rglob("*.sql")
        for name, text in body.findall(path.read_text())
    }
    too_long = {
        name: count
        for name, count in lines.items()
        if count > LONG_MACROS.get(name, (MACRO_LINES, ""))[0]
    }
    assert len(lines) > 20, "the pattern no longer finds the macros"
    assert too_long == {}
    assert [name for name in LONG_MACROS if lines.get(name, 0) <= MACRO_LINES] == []


def test_no_model_branches_on_its_target() -> None:
    wrong = [
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "models").rglob("*.sql")
        if re.search(r"target\s*\.\s*(type|name)|target\[", path.read_text())
    ]
    assert wrong == []


def test_vars_are_few_declared_and_used() -> None:
    declared = set(yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"])
    used = {
        name
        for folder in ("models", "macros", "tests", "snapshots", "seeds")
        for path in (PROJECT / folder).rglob("*")
        if path.suffix in (".sql", ".yml")
        for name in re.findall(r"""\bvar\(\s*['"](\w+)['"]""", path.read_text())
    }
    assert len(declared) <= MAXIMUM_VARS
    assert declared == used
