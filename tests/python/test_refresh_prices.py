"""The price refresh: mapping of the public map, effective dating, refusals."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "prices"
SLICE = FIXTURES / "price_map_slice.json"

_spec = importlib.util.spec_from_file_location(
    "refresh_prices", ROOT / "scripts" / "refresh_prices.py"
)
refresh_prices = importlib.util.module_from_spec(_spec)
sys.modules["refresh_prices"] = refresh_prices
_spec.loader.exec_module(refresh_prices)

FIRST = "2020-01-01 00:00:00"
OPEN = "9999-12-31 00:00:00"
LATER = "2026-10-15 00:00:00"


def run(map_path: Path, seeds: Path, *options: str) -> int:
    """Run the script with a fixed label."""
    return refresh_prices.main(
        [str(map_path), "--seeds", str(seeds), "--source-label", "test", *options]
    )


def rows(seeds: Path, name: str = "price_list") -> list[dict[str, str]]:
    """Rows of one seed."""
    with (seeds / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files(seeds: Path) -> dict[str, bytes]:
    """Bytes of every file in the seed folder."""
    return {path.name: path.read_bytes() for path in sorted(seeds.iterdir())}


@pytest.fixture
def write_map(tmp_path):
    """Write a map from Python values or from JSON text."""

    def write(content: dict | str) -> Path:
        path = tmp_path / "map.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.fixture
def refreshed(tmp_path, write_map):
    """Import a map into an empty folder and return its price rows."""

    def refresh(content: dict | str) -> list[dict[str, str]]:
        seeds = tmp_path / "seeds"
        assert run(write_map(content), seeds) == 0
        return rows(seeds)

    return refresh


@pytest.fixture(scope="module")
def slice_seeds(tmp_path_factory):
    """The slice of the real map, imported once."""
    seeds = tmp_path_factory.mktemp("slice")
    assert refresh_prices.main([str(SLICE), "--seeds", str(seeds), "--source-label", "slice"]) == 0
    return seeds


@pytest.fixture(scope="module")
def slice_prices(slice_seeds):
    """Price rows of the slice."""
    return rows(slice_seeds)


def find(price_rows: list[dict[str, str]], **values: str) -> dict[tuple, str]:
    """{(mode, class, band from, band until): 'price per quantity'} of the rows that match."""
    return {
        (
            row["pricing_mode"],
            row["token_class"],
            row["context_from_tokens"],
            row["context_until_tokens"],
        ): f"{row['unit_price']} per {row['unit_quantity']}"
        for row in price_rows
        if all(row[name] == value for name, value in values.items())
    }


def chat(provider: str = "openai", **prices: object) -> dict:
    """A minimal map entry."""
    return {"litellm_provider": provider, "mode": "chat", **prices}


# --- mapping ----------------------------------------------------------------------------------


def test_the_slice_becomes_exactly_the_expected_rows(slice_seeds):
    assert (slice_seeds / "price_list.csv").read_bytes() == (
        FIXTURES / "expected_price_list.csv"
    ).read_bytes()


def test_tiers_are_pricing_modes_and_prices_are_per_million(slice_prices):
    found = find(slice_prices, provider_id="openai", model_id="gpt-5-mini", region_id="*")
    assert found[("on_demand", "input_uncached", "", "")] == "0.25 per 1000000"
    assert found[("on_demand", "cache_read", "", "")] == "0.025 per 1000000"
    assert found[("on_demand", "output", "", "")] == "2 per 1000000"
    assert found[("flex", "output", "", "")] == "1 per 1000000"
    assert found[("priority", "output", "", "")] == "3.6 per 1000000"
    assert found[("batch", "input_uncached", "", "")] == "0.125 per 1000000"


def test_above_200k_starts_one_token_later_and_ends_the_plain_price(slice_prices):
    found = find(slice_prices, model_id="anthropic.claude-sonnet-4-5-20250929-v1:0", region_id="*")
    assert found[("on_demand", "input_uncached", "", "200001")] == "3 per 1000000"
    assert found[("on_demand", "input_uncached", "200001", "")] == "6 per 1000000"
    assert found[("on_demand", "cache_write_1h", "", "200001")] == "6 per 1000000"
    assert found[("on_demand", "cache_write_1h", "200001", "")] == "12 per 1000000"
    # Batch has no price above the threshold, so its band stays open.
    assert found[("batch", "output", "", "")] == "7.5 per 1000000"


def test_several_thresholds_make_adjoining_bands(refreshed):
    found = find(
        refreshed(
            {
                "m": chat(
                    input_cost_per_token=1e-06,
                    input_cost_per_token_above_128k_tokens=2e-06,
                    input_cost_per_token_above_200k_tokens=3e-06,
                )
            }
        )
    )
    assert found == {
        ("on_demand", "input_uncached", "", "128001"): "1 per 1000000",
        ("on_demand", "input_uncached", "128001", "200001"): "2 per 1000000",
        ("on_demand", "input_uncached", "200001", ""): "3 per 1000000",
    }


def test_a_price_above_a_threshold_without_a_plain_price_leaves_the_lower_band_missing(refreshed):
    found = find(refreshed({"m": chat(input_cost_per_token_above_200k_tokens=2e-06)}))
    assert found == {("on_demand", "input_uncached", "200001", ""): "2 per 1000000"}


def test_tiered_pricing_starts_above_its_lower_bound_and_ends_open(slice_prices):
    found = find(slice_prices, model_id="qwen3-coder-plus")
    assert [key[2:] for key in found if key[1] == "output"] == [
        ("", "32001"),
        ("32001", "128001"),
        ("128001", "256001"),
        ("256001", ""),
    ]
    assert found[("on_demand", "cache_read", "32001", "128001")] == "0.18 per 1000000"


def test_cache_writes_keep_their_two_lifetimes_apart(slice_prices):
    found = find(slice_prices, model_id="claude-haiku-4-5-20251001", region_id="*")
    assert found[("on_demand", "cache_write_5m", "", "")] == "1.25 per 1000000"
    assert found[("on_demand", "cache_write_1h", "", "")] == "2 per 1000000"
    assert not [key for key in find(slice_prices, model_id="gpt-6-luna") if "1h" in key[1]]


def test_the_older_cache_hit_field_is_cache_read(refreshed):
    found = find(refreshed({"m": chat(input_cost_per_token_cache_hit=2.8e-08)}))
    assert found == {("on_demand", "cache_read", "", ""): "0.028 per 1000000"}


def test_two_fields_that_contradict_each_other_are_refused(tmp_path, write_map, capsys):
    entry = chat(input_cost_per_token_cache_hit=2e-08, cache_read_input_token_cost=3e-08)
    assert run(write_map({"m": entry}), tmp_path / "seeds") == 2
    assert "m: cache_read_input_token_cost contradicts" in capsys.readouterr().err


def test_reasoning_has_a_row_only_where_it_differs_from_output(slice_prices):
    reasoning = {
        row["model_id"] for row in slice_prices if row["token_class"] == "output_reasoning"
    }
    assert reasoning == {"qwen-turbo", "sonar-deep-research"}


def test_regional_processing_uplift_is_written_out_for_tokens_of_every_mode(slice_prices):
    plain = find(slice_prices, model_id="gpt-6-luna", region_id="*")
    for region in ("eu", "us"):
        lifted = find(slice_prices, model_id="gpt-6-luna", region_id=region)
        assert lifted[("on_demand", "input_uncached", "", "272001")] == "0.11 per 1000000"
        assert lifted[("priority", "output", "272001", "")] == "1.65 per 1000000"
        assert lifted[("batch", "cache_read", "", "272001")] == "0.0055 per 1000000"
        assert set(plain) - set(lifted) == {
            ("on_demand", name, "", "")
            for name in ("web_search", "web_search_low", "web_search_medium", "web_search_high")
        }


def test_inference_geography_and_fast_mode_multiply_every_token_rate(slice_prices):
    fast = find(slice_prices, model_id="claude-opus-5-5", region_id="*", pricing_mode="fast")
    assert fast[("fast", "input_uncached", "", "")] == "8 per 1000000"
    assert fast[("fast", "cache_read", "", "")] == "0.4 per 1000000"
    us = find(slice_prices, model_id="claude-opus-5-5", region_id="us")
    assert us[("on_demand", "output", "", "")] == "22 per 1000000"
    assert us[("fast", "output", "", "")] == "44 per 1000000"
    assert us[("batch", "output", "", "")] == "11 per 1000000"


def test_vertex_regional_endpoints_get_rows_per_listed_location(slice_prices):
    regions = {row["region_id"] for row in slice_prices if row["model_id"] == "gemini-3.5-flash"}
    assert regions == {"*", *refresh_prices.VERTEX_REGIONS}
    found = find(
        slice_prices, provider_id="vertex_ai", model_id="gemini-3.5-flash", region_id="us-central1"
    )
    assert found[("on_demand", "input_uncached", "", "")] == "1.65 per 1000000"


@pytest.mark.parametrize(
    ("key", "word", "provider", "base", "spelled", "region", "size"),
    [
        ("gpt-4o", "openai", "openai", "gpt-4o", "gpt-4o", "*", ""),
        ("azure/eu/gpt-4o", "azure", "azure", "gpt-4o", "eu/gpt-4o", "eu", ""),
        ("azure/speech/azure-stt", "azure", "azure",
         "speech/azure-stt", "speech/azure-stt", "*", ""),
        ("us.amazon.nova-pro-v1:0", "bedrock_converse", "bedrock", "amazon.nova-pro-v1:0",
         "us.amazon.nova-pro-v1:0", "us", ""),
        ("us-gov.xai.grok-4.6", "bedrock", "bedrock", "xai.grok-4.6", "us-gov.xai.grok-4.6",
         "us-gov", ""),
        ("bedrock/us-gov-west-1/meta.llama3", "bedrock", "bedrock", "meta.llama3",
         "us-gov-west-1/meta.llama3", "us-gov-west-1", ""),
        ("bedrock/invoke/anthropic.claude", "bedrock", "bedrock", "anthropic.claude",
         "anthropic.claude", "*", ""),
        ("vertex_ai/claude-opus-5@default", "vertex_ai-anthropic_models", "vertex_ai",
         "claude-opus-5@default", "claude-opus-5@default", "*", ""),
        ("command-a-03-2025", "cohere_chat", "cohere", "command-a-03-2025", "command-a-03-2025",
         "*", ""),
        ("perplexity/perplexity/sonar", "perplexity", "perplexity", "perplexity/sonar",
         "perplexity/sonar", "*", ""),
        ("azure/high/1024-x-1536/gpt-image-1", "azure", "azure", "gpt-image-1", "gpt-image-1", "*",
         "high_1024x1536"),
        ("1024-x-1024/50-steps/bedrock/amazon.nova-canvas-v1:0", "bedrock", "bedrock",
         "amazon.nova-canvas-v1:0", "amazon.nova-canvas-v1:0", "*", "1024x1024_50_steps"),
        ("standard/name", "openai", "openai", "standard/name", "standard/name", "*", ""),
    ],
)  # fmt: skip
def test_prefixes_of_a_key_become_provider_region_and_size(
    key, word, provider, base, spelled, region, size
):
    model = refresh_prices.read_key(key, word)
    assert model == refresh_prices.ModelKey(provider, base, spelled, region, size)


def test_a_region_in_the_model_text_rates_with_and_without_a_region_column(slice_prices):
    by_region = find(
        slice_prices, model_id="anthropic.claude-sonnet-4-5-20250929-v1:0", region_id="us"
    )
    by_text = find(slice_prices, model_id="us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    key = ("on_demand", "input_uncached", "", "200001")
    assert by_region[key] == by_text[key] == "3.3 per 1000000"


def test_a_regional_price_equal_to_the_price_for_any_region_is_not_written(slice_prices):
    models = {row["model_id"] for row in slice_prices if row["region_id"] == "global"}
    assert not models
    assert find(slice_prices, model_id="global/gpt-4o-2024-08-06")


def test_meters_carry_unit_and_size(slice_prices):
    classes = {(row["model_id"], row["token_class"]): row for row in slice_prices}
    assert classes[("sonar", "web_search_high")]["unit_price"] == "0.012"
    assert ("sonar", "web_search") not in classes
    assert classes[("gpt-5-mini", "web_search")]["unit_price"] == "0.01"
    assert classes[("rerank-v3.5", "query")]["unit_quantity"] == "1"
    assert classes[("mistral-ocr-2505", "page")]["unit_price"] == "0.0005"
    assert classes[("sora-2", "output_video_second")]["unit_price"] == "0.1"
    assert classes[("amazon.nova-canvas-v1:0", "image_1024x1024_50_steps")]["unit_price"] == "0.06"
    assert classes[("gpt-image-1", "input_image_unit_high_1024x1024")]["unit_price"] == "0.167"
    assert classes[("multimodalembedding", "input_video_second_above_15s_interval")]
    assert classes[("sonar-deep-research", "citation")]["unit_price"] == "2"
    assert classes[("guardrails", "guardrail_topic_policy_units")]["unit_price"] == "0.00015"
    assert classes[("embed-v4.0", "input_image")]["unit_price"] == "0.47"


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("output_cost_per_second_1080p", ("output_second_1080p", "large", "on_demand", None)),
        ("output_cost_per_image_0.5K", ("image_0_5k", "large", "on_demand", None)),
        ("input_cost_per_audio_token_batches", ("input_audio", "token", "batch", None)),
        ("cache_creation_input_token_cost_above_1hr_above_200k_tokens",
         ("cache_write_1h", "token", "on_demand", 200_000)),
        ("input_cost_per_token_above_272k_tokens_flex",
         ("input_uncached", "token", "flex", 272_000)),
        ("input_cost_per_token_ultrafast", ("input_uncached", "token", "ultrafast", None)),
        ("cache_read_input_image_token_cost", ("cache_read_image", "token", "on_demand", None)),
        ("google_maps_grounding_cost_per_query", ("maps_query", "call", "on_demand", None)),
    ],
)  # fmt: skip
def test_field_suffixes_are_decoded(name, meaning):
    assert refresh_prices.read_field(name) == refresh_prices.FieldMeaning(*meaning)


def test_fields_that_are_no_price_of_ours_are_not_decoded():
    assert refresh_prices.read_field("output_cost_per_token_above_1hr") is None
    assert refresh_prices.read_field("input_cost_per_dream") is None


def test_zero_commitment_dbu_and_unknown_prices_leave_no_row(slice_prices, refreshed, capsys):
    models = {row["model_id"] for row in slice_prices}
    assert "gemini-exp-1114" not in models
    assert not any("commitment" in model for model in models)
    assert not any(row["provider_id"] == "novita" for row in slice_prices)
    assert all(Decimal(row["unit_price"]) > 0 for row in slice_prices)
    found = refreshed({"m": chat(input_cost_per_token=1e-06, input_cost_per_dream=5,
                                 input_dbu_cost_per_token=1e-06)})  # fmt: skip
    assert len(found) == 1
    assert "field unknown: m input_cost_per_dream" in capsys.readouterr().err


# --- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "price", "quantity", "noted"),
    [
        ("input_cost_per_token", "9.499999999999999E-7", "0.95", "1000000", "float dust"),
        ("input_cost_per_token", "2.4997000000000006e-07", "0.24997", "1000000", "float dust"),
        ("input_cost_per_token", "1e-06", "1", "1000000", ""),
        ("input_cost_per_token", "7.5625e-12", "0.007563", "1000000000", None),
        ("input_cost_per_pixel", "8.39233e-08", "83.9233", "1000000000", ""),
        ("input_cost_per_second", "0.0001", "0.0001", "1", ""),
        ("input_cost_per_second", "0.00003333", "0.03333", "1000", ""),
        ("input_cost_per_second", "0.000283333333333", "283333.333333", "1000000000", ""),
        ("input_cost_per_second", "0.0002833333333333333", "283333.333333", "1000000000", "sixth"),
        ("output_cost_per_image", "0.04", "0.04", "1", ""),
    ],
)
def test_quantity_is_chosen_so_that_six_decimals_hold_the_price(
    refreshed, tmp_path, write_map, capsys, name, text, price, quantity, noted
):
    content = f'{{"m": {{"litellm_provider": "openai", "{name}": {text}}}}}'
    if noted is None:  # Even the largest quantity would move this price: refuse it.
        assert run(write_map(content), tmp_path / "seeds") == 2
        assert "does not fit six decimals" in capsys.readouterr().err
        return
    (row,) = refreshed(content)
    assert (row["unit_price"], row["unit_quantity"]) == (price, quantity)
    error = capsys.readouterr().err
    assert ("rounded" in error) == bool(noted)
    assert noted in error


@settings(max_examples=60, deadline=None)
@given(
    digits=st.integers(min_value=1, max_value=10**9),
    exponent=st.integers(min_value=-12, max_value=-6),
)
def test_every_price_with_twelve_decimals_survives_exactly(digits, exponent):
    number = Decimal(digits).scaleb(exponent)
    price = refresh_prices.ListPrice(
        "openai", "m", "*", "on_demand", "output", None, None, number, "token"
    )
    text, quantity = refresh_prices.unit_price_of(price, refresh_prices.Log())
    assert Decimal(text) == number * quantity
    assert -Decimal(text).as_tuple().exponent <= 6


# --- duplicates -------------------------------------------------------------------------------


def test_one_model_under_two_keys_with_equal_prices_is_one_row(refreshed):
    same = {"input_cost_per_token": 1e-06}
    found = refreshed(
        {
            "gemini-x": chat("vertex_ai-language-models", **same),
            "vertex_ai/gemini-x": chat("vertex_ai", **same),
        }
    )
    assert [row["price_id"] for row in found] == [
        "vertex_ai:gemini-x:*:on_demand:input_uncached:0@2020-01-01"
    ]


def test_of_two_different_keys_the_one_with_its_provider_wins(refreshed, tmp_path, capsys):
    (row,) = refreshed(
        {
            "gemini-x": chat("vertex_ai-language-models", input_cost_per_token=1e-06),
            "vertex_ai/gemini-x": chat("vertex_ai", input_cost_per_token=2e-06),
        }
    )
    assert row["unit_price"] == "2"
    assert "gemini-x differs from vertex_ai/gemini-x" in capsys.readouterr().err


def test_contradicting_keys_of_equal_rank_are_refused(tmp_path, write_map, capsys):
    content = {
        "azure_text/gpt-x": chat("azure_text", input_cost_per_token=2e-06),
        "gpt-x": chat("azure", input_cost_per_token=3e-06),
    }
    assert run(write_map(content), tmp_path / "seeds") == 2
    assert "gpt-x: prices contradict those of azure_text/gpt-x" in capsys.readouterr().err


def test_a_json_key_listed_twice_must_say_the_same(tmp_path, write_map, capsys):
    once = '"m": {"litellm_provider": "openai", "input_cost_per_token": 1e-06}'
    other = once.replace("1e-06", "2e-06")
    assert run(write_map(f"{{{once}, {once}}}"), tmp_path / "seeds") == 0
    assert run(write_map(f"{{{once}, {other}}}"), tmp_path / "seeds") == 2
    assert "'m' is listed twice" in capsys.readouterr().err


# --- effective dating -------------------------------------------------------------------------

BEFORE = {"m": chat(input_cost_per_token=1e-06, output_cost_per_token=4e-06)}
AFTER = {"m": chat(input_cost_per_token=2e-06, output_cost_per_token=4e-06)}


def test_the_first_import_is_valid_and_recorded_from_the_start(refreshed):
    for row in refreshed(BEFORE):
        assert (row["valid_from_at"], row["valid_until_at"], row["recorded_at"]) == (
            FIRST,
            OPEN,
            FIRST,
        )
        assert row["source"] == "litellm_price_map test"


def test_a_second_run_changes_no_byte(tmp_path):
    seeds = tmp_path / "seeds"
    assert run(SLICE, seeds) == 0
    first = files(seeds)
    assert refresh_prices.main([str(SLICE), "--seeds", str(seeds), "--recorded-at", LATER]) == 0
    assert files(seeds) == first


def test_a_changed_price_closes_the_old_row_and_opens_a_new_one(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    before = {row["price_id"]: row for row in rows(seeds)}
    assert run(write_map(AFTER), seeds, "--recorded-at", LATER) == 0
    after = {row["price_id"]: row for row in rows(seeds)}
    old = "openai:m:*:on_demand:input_uncached:0@2020-01-01"
    new = "openai:m:*:on_demand:input_uncached:0@2026-10-15"
    assert set(after) == set(before) | {new}
    assert after[old] == before[old] | {"valid_until_at": LATER}
    assert after[new]["unit_price"] == "2"
    assert (after[new]["valid_from_at"], after[new]["recorded_at"]) == (LATER, LATER)
    assert after[new]["valid_until_at"] == OPEN
    output = "openai:m:*:on_demand:output:0@2020-01-01"
    assert after[output] == before[output]


def test_a_change_within_a_day_shows_its_time_in_the_id(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    run(write_map(AFTER), seeds, "--recorded-at", "2026-10-15 06:30:00")
    assert any(row["price_id"].endswith("@2026-10-15T06:30:00") for row in rows(seeds))


def test_a_model_that_left_the_map_keeps_its_rows(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    before = rows(seeds)
    run(write_map({"n": chat(input_cost_per_token=1e-06)}), seeds, "--recorded-at", LATER)
    assert [row for row in rows(seeds) if row["model_id"] == "m"] == before


def test_a_model_first_seen_later_rates_history_but_was_not_known_before(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    run(write_map(BEFORE | {"n": chat(input_cost_per_token=1e-06)}), seeds, "--recorded-at", LATER)
    (row,) = [row for row in rows(seeds) if row["model_id"] == "n"]
    assert (row["valid_from_at"], row["recorded_at"]) == (FIRST, LATER)


def test_a_new_regional_price_does_not_reach_back(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map({"azure/x": chat("azure", input_cost_per_token=1e-06)}), seeds)
    content = {
        "azure/x": chat("azure", input_cost_per_token=1e-06),
        "azure/eu/x": chat("azure", input_cost_per_token=1.1e-06),
    }
    run(write_map(content), seeds, "--recorded-at", LATER)
    (row,) = [row for row in rows(seeds) if row["region_id"] == "eu"]
    assert (row["valid_from_at"], row["recorded_at"]) == (LATER, LATER)


def test_a_new_context_band_closes_the_open_one(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map({"m": chat(input_cost_per_token=1e-06)}), seeds)
    content = {"m": chat(input_cost_per_token=1e-06, input_cost_per_token_above_200k_tokens=2e-06)}
    assert run(write_map(content), seeds, "--recorded-at", LATER) == 0
    assert [
        (row["context_from_tokens"], row["context_until_tokens"], row["valid_from_at"],
         row["valid_until_at"])
        for row in rows(seeds)
    ] == [
        ("", "", FIRST, LATER),
        ("", "200001", LATER, OPEN),
        ("200001", "", LATER, OPEN),
    ]  # fmt: skip


def test_a_correction_leaves_the_old_row_and_repeats_its_validity(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    before = {row["price_id"]: row for row in rows(seeds)}
    assert run(write_map(AFTER), seeds, "--recorded-at", LATER, "--correction") == 0
    after = {row["price_id"]: row for row in rows(seeds)}
    added = "openai:m:*:on_demand:input_uncached:0@2020-01-01+2026-10-15"
    assert {name: row for name, row in after.items() if name != added} == before
    assert (after[added]["valid_from_at"], after[added]["valid_until_at"]) == (FIRST, OPEN)
    assert (after[added]["unit_price"], after[added]["recorded_at"]) == ("2", LATER)
    # A later run compares with the correction, and a later change closes both rows.
    content = files(seeds)
    run(write_map(AFTER), seeds, "--recorded-at", "2026-11-01 00:00:00")
    assert files(seeds) == content
    run(write_map(BEFORE), seeds, "--recorded-at", "2026-12-01 00:00:00")
    inputs = [row for row in rows(seeds) if row["token_class"] == "input_uncached"]
    assert [row["valid_until_at"] for row in inputs] == ["2026-12-01 00:00:00"] * 2 + [OPEN]


def test_a_correction_needs_a_later_time_and_something_to_correct(tmp_path, write_map, capsys):
    seeds = tmp_path / "seeds"
    assert run(write_map(BEFORE), seeds, "--correction") == 2
    assert "nothing to correct" in capsys.readouterr().err
    run(write_map(BEFORE), seeds)
    assert run(write_map(AFTER), seeds, "--correction", "--recorded-at", FIRST) == 2
    assert "is not after" in capsys.readouterr().err


def test_a_change_cannot_take_effect_before_the_price_it_ends(tmp_path, write_map, capsys):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    assert run(write_map(AFTER), seeds, "--recorded-at", "2019-01-01 00:00:00") == 2
    assert "is not after 2020-01-01" in capsys.readouterr().err


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "azure/eu/a", "azure/a"]),
            st.dictionaries(
                st.sampled_from(
                    [
                        "input_cost_per_token",
                        "input_cost_per_token_above_200k_tokens",
                        "output_cost_per_token_batches",
                    ]
                ),
                st.sampled_from([1e-06, 1.1e-06, 2e-06, 3.3e-07]),
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_refreshing_twice_is_refreshing_once_and_no_two_rows_compete(tmp_path_factory, maps):
    folder = tmp_path_factory.mktemp("property")
    seeds, path = folder / "seeds", folder / "map.json"
    for day, content in enumerate(maps, start=1):
        path.write_text(
            json.dumps(
                {
                    key: chat("azure" if key.startswith("azure") else "openai", **prices)
                    for key, prices in content.items()
                }
            )
        )
        moment = f"2026-10-{day:02d} 00:00:00"
        options = ("--recorded-at", moment, "--allow-jump", "a", "b", "eu/a")
        assert run(path, seeds, *options) == 0
        once = files(seeds)
        assert run(path, seeds, *options) == 0
        assert files(seeds) == once
    price_rows = rows(seeds)
    assert len({row["price_id"] for row in price_rows}) == len(price_rows)
    assert failing("no_overlapping_prices", price_rows) == []
    assert failing("price_jumps_are_approved", price_rows) == []
    for row in price_rows:
        assert row["valid_from_at"] < row["valid_until_at"]


# --- jumps ------------------------------------------------------------------------------------


def test_a_jump_of_more_than_five_times_stops_and_names_every_price(tmp_path, write_map, capsys):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    content = files(seeds)
    jumped = {"m": chat(input_cost_per_token=1e-03, output_cost_per_token=4e-09)}
    assert run(write_map(jumped), seeds, "--recorded-at", LATER) == 3
    error = capsys.readouterr().err
    assert "2 price(s) moved more than 5 times" in error
    assert "openai:m:*:on_demand:input_uncached:0@2020-01-01 1 per 1000000 -> 1000 per" in error
    assert "openai:m:*:on_demand:output:0@2020-01-01 4 per 1000000 -> 0.004 per" in error
    assert files(seeds) == content


def test_a_price_that_comes_back_is_compared_with_the_one_that_ended(tmp_path, write_map, capsys):
    seeds = tmp_path / "seeds"
    flat, banded = "input_cost_per_token", "input_cost_per_token_above_200k_tokens"
    for moment, prices in (
        ("2026-10-01 00:00:00", {flat: 2e-06}),
        ("2026-10-02 00:00:00", {banded: 2e-06}),
    ):
        assert run(write_map({"m": chat(**prices)}), seeds, "--recorded-at", moment) == 0
    back = write_map({"m": chat(**{flat: 3.3e-07})})
    assert run(back, seeds, "--recorded-at", "2026-10-03 00:00:00") == 3
    assert "2 per 1000000 -> 0.33 per 1000000" in capsys.readouterr().err
    allowed = ("--recorded-at", "2026-10-03 00:00:00", "--allow-jump", "m")
    assert run(back, seeds, *allowed) == 0
    assert failing("price_jumps_are_approved", rows(seeds)) == []


def test_five_times_exactly_is_no_jump(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    jumped = {"m": chat(input_cost_per_token=5e-06, output_cost_per_token=8e-07)}
    assert run(write_map(jumped), seeds, "--recorded-at", LATER) == 0


def test_a_jump_hidden_in_a_new_band_is_a_jump(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map({"m": chat(input_cost_per_token=1e-06)}), seeds)
    content = {"m": chat(input_cost_per_token=1e-03, input_cost_per_token_above_200k_tokens=2e-03)}
    assert run(write_map(content), seeds, "--recorded-at", LATER) == 3


@pytest.mark.parametrize("name", ["m", "openai:m:*:on_demand:input_uncached:0@2020-01-01"])
def test_an_allowed_jump_says_so_in_its_source(tmp_path, write_map, name):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    jumped = {"m": chat(input_cost_per_token=1e-03, output_cost_per_token=3e-06)}
    assert run(write_map(jumped), seeds, "--recorded-at", LATER, "--allow-jump", name) == 0
    sources = {
        row["token_class"]: row["source"] for row in rows(seeds) if row["recorded_at"] == LATER
    }
    assert sources == {
        "input_uncached": "litellm_price_map test approved_jump",
        "output": "litellm_price_map test",
    }


# --- dry run and bad input --------------------------------------------------------------------


def test_a_dry_run_prints_the_difference_and_writes_nothing(tmp_path, write_map, capsys):
    seeds = tmp_path / "seeds"
    assert run(write_map(BEFORE), seeds, "--dry-run") == 0
    assert not seeds.exists()
    run(write_map(BEFORE), seeds)
    content = files(seeds)
    capsys.readouterr()
    assert run(write_map(AFTER), seeds, "--recorded-at", LATER, "--dry-run") == 0
    output = capsys.readouterr().out
    assert files(seeds) == content
    assert (
        "price_list changed: openai:m:*:on_demand:input_uncached:0@2020-01-01"
        " 1 per 1000000 -> 2 per 1000000" in output
    )
    assert "price_list: 0 added, 1 changed, 0 corrected, 0 closed, 1 unchanged" in output
    assert "nothing written" in output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "not JSON"),
        ("[1, 2]", "not a map"),
        ('{"m": 3}', "m: not an object"),
        ('{"m": {"mode": "chat"}}', "m: litellm_provider is missing"),
        ('{"m": {"litellm_provider": "openai", "input_cost_per_token": -1e-06}}',
         "m: input_cost_per_token is negative"),
        ('{"m": {"litellm_provider": "openai", "input_cost_per_token": "cheap"}}',
         "m: input_cost_per_token is not a number"),
        ('{"m": {"litellm_provider": "openai", "input_cost_per_token": true}}',
         "m: input_cost_per_token is not a number"),
        ('{"m": {"litellm_provider": "openai", "input_cost_per_token": NaN}}', "NaN is not"),
        ('{"m": {"litellm_provider": "unheard_of", "input_cost_per_token": "1"}}',
         "m: input_cost_per_token is not a number"),
        ('{"m": {"litellm_provider": "openai", "tiered_pricing": [{"input_cost_per_token": 1}]}}',
         "m: tiered_pricing has no range"),
        ('{"m": {"litellm_provider": "openai", "tiered_pricing": [{"range": [5, 1]}]}}',
         "is not a range"),
        ('{"m": {"litellm_provider": "openai", "search_context_cost_per_query": 1}}',
         "m: search_context_cost_per_query is not an object"),
        ('{"m": {"litellm_provider": "xai", "input_cost_per_token": 1,'
         ' "deprecation_date": "soon"}}',
         "m: deprecation_date 'soon' is not a date"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(tmp_path, write_map, capsys, content, message):
    seeds = tmp_path / "seeds"
    assert run(write_map(content), seeds) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not seeds.exists()


def test_a_missing_map_and_a_strange_seed_are_refused(tmp_path, write_map, capsys):
    seeds = tmp_path / "seeds"
    assert run(tmp_path / "absent.json", seeds) == 2
    assert "absent.json: cannot be read" in capsys.readouterr().err
    seeds.mkdir()
    (seeds / "price_list.csv").write_text("a,b\n1,2\n")
    assert run(write_map(BEFORE), seeds) == 2
    assert "price_list.csv: columns are not" in capsys.readouterr().err


# --- models and aliases -----------------------------------------------------------------------


def test_models_are_described_by_rule_and_unknown_stays_empty(slice_seeds):
    models = {row["model_id"]: row for row in rows(slice_seeds, "models")}
    assert models["gpt-5-mini"]["model_tier"] == "small"
    assert models["gpt-4o"]["model_tier"] == "mid"
    assert models["claude-sonnet-4-5-20250929"]["model_tier"] == "large"
    assert models["text-embedding-3-small"]["model_tier"] == ""
    assert models["claude-sonnet-4-5-20250929"]["model_developer"] == "anthropic"
    assert models["us.anthropic.claude-sonnet-4-5-20250929-v1:0"]["model_family"] == "claude"
    assert models["guardrails"]["model_developer"] == ""
    assert models["gpt-4o"]["context_window_tokens"] == "128000"
    assert models["gemini-3.5-flash"]["retires_at"] == "2027-05-19 00:00:00"


def test_rows_of_another_source_are_never_touched(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    own = "m,Ours,f,d,large,5,,2020-01-01 00:00:00,9999-12-31 00:00:00,2020-01-01 00:00:00,{},x,y"
    header = ",".join(refresh_prices.MODEL_COLUMNS)
    (seeds / "models.csv").write_text("\n".join([header, own.format("sample_company"), ""]))
    run(write_map(BEFORE), seeds)
    (row,) = rows(seeds, "models")
    assert (row["model_name"], row["source"]) == ("Ours", "sample_company")


def test_a_changed_model_attribute_is_a_new_validity(tmp_path, write_map):
    seeds = tmp_path / "seeds"
    run(write_map(BEFORE), seeds)
    retiring = {"m": BEFORE["m"] | {"deprecation_date": "2027-01-31"}}
    run(write_map(retiring), seeds, "--recorded-at", LATER)
    old, new = rows(seeds, "models")
    assert (old["retires_at"], old["valid_until_at"]) == ("", LATER)
    assert (new["retires_at"], new["valid_from_at"]) == ("2027-01-31 00:00:00", LATER)


def test_aliases_strip_the_provider_and_move_it_only_where_needed(slice_seeds):
    aliases = {
        row["alias"]: (row["provider_id"], row["model_id"])
        for row in rows(slice_seeds, "model_aliases")
    }
    assert aliases["azure/gpt-4o-2024-08-06"] == ("", "gpt-4o-2024-08-06")
    assert aliases["openai/gpt-5-mini"] == ("", "gpt-5-mini")
    assert aliases["azure/eu/gpt-4o-2024-08-06"] == ("", "eu/gpt-4o-2024-08-06")
    assert aliases["command-a-03-2025"] == ("cohere", "command-a-03-2025")
    assert aliases["text-completion-openai/gpt-3.5-turbo-instruct"][0] == "openai"
    assert aliases["high/1024-x-1024/gpt-image-1"] == ("", "gpt-image-1")
    assert "gpt-5-mini" not in aliases


@pytest.mark.parametrize(
    ("provider", "text"),
    [
        ("anthropic", "anthropic/claude-haiku-4-5-20251001"),
        ("anthropic", "anthropic/claude-sonnet-4-5-20250929"),
        ("azure", "azure/gpt-4o-2024-08-06"),
        ("openai", "openai/gpt-4.1-mini"),
        ("openai", "openai/gpt-5-mini"),
        ("openai", "openai/gpt-5.1"),
        ("openai", "openai/text-embedding-3-small"),
        ("cohere_chat", "command-a-03-2025"),
        ("bedrock", "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("vertex_ai", "vertex_ai/gemini-2.5-flash"),
    ],
)
def test_texts_of_a_spend_log_resolve_in_the_shipped_seeds(provider, text):
    seeds = ROOT / "seeds" / "reference"
    alias = next((row for row in rows(seeds, "model_aliases") if row["alias"] == text), None)
    model = alias["model_id"] if alias else text
    provider = alias["provider_id"] or provider if alias else provider
    classes = {
        row["token_class"]
        for row in rows(seeds)
        if (row["provider_id"], row["model_id"], row["region_id"]) == (provider, model, "*")
    }
    assert "input_uncached" in classes


def test_the_shipped_seeds_hold_the_models_of_the_sample_company():
    models = {row["model_id"]: row for row in rows(ROOT / "seeds" / "reference", "models")}
    tiers = {
        name: models[name]["model_tier"] for name in models if "sample" in models[name]["source"]
    }
    assert tiers == {
        "aurora-large": "large",
        "aurora-mini": "small",
        "aurora-nano": "small",
        "borealis-pro": "mid",
        "cirrus-embed": "",
    }
    assert models["borealis-pro"]["context_window_tokens"] == "2000000"
    assert models["cirrus-embed"]["context_window_tokens"] == ""


# --- the two generic data tests ---------------------------------------------------------------


COLUMN_TYPES = dict.fromkeys(refresh_prices.PRICE_COLUMNS, "varchar") | {
    "context_from_tokens": "bigint",
    "context_until_tokens": "bigint",
    "volume_from_units": "bigint",
    "volume_until_units": "bigint",
    "unit_price": "decimal(18,6)",
    "unit_quantity": "bigint",
    "valid_from_at": "timestamp",
    "valid_until_at": "timestamp",
    "recorded_at": "timestamp",
}


def failing(test: str, price_rows: list[dict[str, str]] | Path) -> list[tuple]:
    """Run a generic data test's own SQL on rows or a seed and return what it reports."""
    text = (ROOT / "tests" / "generic" / f"test_{test}.sql").read_text()
    body = text.split("%}", 1)[1].split("{% endtest %}")[0].replace("{{ model }}", "prices")
    with duckdb.connect() as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMN_TYPES.items())
        connection.execute(f"create table prices ({columns})")
        if isinstance(price_rows, Path):
            connection.execute(
                f"insert into prices select * from read_csv('{price_rows}', all_varchar = true)"
            )
        elif price_rows:
            connection.executemany(
                f"insert into prices values ({', '.join('?' * len(COLUMN_TYPES))})",
                [[row[name] or None for name in COLUMN_TYPES] for row in price_rows],
            )
        return connection.execute(body).fetchall()


def price_row(price_id: str, **values: str) -> dict[str, str]:
    """A valid price row with some fields changed."""
    row = dict.fromkeys(refresh_prices.PRICE_COLUMNS, "")
    row |= {
        "price_id": price_id, "provider_id": "p", "model_id": "m", "billing_account_id": "*",
        "region_id": "*", "pricing_mode": "on_demand", "token_class": "output", "unit_price": "3",
        "unit_quantity": "1000000", "currency": "USD", "valid_from_at": FIRST,
        "valid_until_at": OPEN, "recorded_at": FIRST, "source": "contract",
    }  # fmt: skip
    return row | values


@pytest.mark.parametrize(
    ("second", "is_overlap"),
    [
        ({}, True),
        ({"valid_from_at": LATER}, True),
        ({"context_from_tokens": "200000"}, True),
        ({"recorded_at": LATER}, False),
        ({"region_id": "eu"}, False),
        ({"billing_account_id": "aurora-a"}, False),
    ],
)
def test_competing_price_rows_are_found(second, is_overlap):
    found = failing("no_overlapping_prices", [price_row("a"), price_row("b", **second)])
    assert found == ([("a", "b")] if is_overlap else [])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"valid_until_at": LATER}, {"valid_from_at": LATER}),
        ({"context_until_tokens": "200001"}, {"context_from_tokens": "200001"}),
        ({"volume_until_units": "1000"}, {"volume_from_units": "1000"}),
    ],
)
def test_adjoining_windows_and_bands_do_not_compete(first, second):
    for names in ("ab", "ba"):
        pair = [price_row(names[0], **first), price_row(names[1], **second)]
        assert not failing("no_overlapping_prices", pair)


@pytest.mark.parametrize(
    ("second", "is_refused"),
    [
        ({"unit_price": "15"}, False),
        ({"unit_price": "15.000001"}, True),
        ({"unit_price": "0.6"}, False),
        ({"unit_price": "0.599999"}, True),
        ({"unit_price": "0.003", "unit_quantity": "1000"}, False),
        ({"unit_price": "3", "unit_quantity": "1000"}, True),
        ({"unit_price": "3000", "source": "contract approved_jump"}, False),
        ({"unit_price": "3000", "token_class": "cache_read"}, False),
    ],
)
def test_unapproved_price_jumps_are_found(second, is_refused):
    later = price_row("b", valid_from_at=LATER, **second)
    found = failing("price_jumps_are_approved", [price_row("a", valid_until_at=LATER), later])
    assert [row[0] for row in found] == (["b"] if is_refused else [])


def test_the_shipped_price_list_passes_both_data_tests():
    shipped = ROOT / "seeds" / "reference" / "price_list.csv"
    for test in ("no_overlapping_prices", "price_jumps_are_approved"):
        assert failing(test, shipped) == []
