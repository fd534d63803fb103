"""The scale generator: exact counts, same bytes, whole batches, and a price for every token."""

from __future__ import annotations

import csv
import dataclasses
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import generate_scale_data as scale

ROWS = 6000
DAYS = 5


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> scale.Settings:
    """One small log that the read-only tests share."""
    settings = scale.Settings(rows=ROWS, days=DAYS, out=tmp_path_factory.mktemp("scale"))
    assert scale.generate(settings) == ROWS
    return settings


def query(settings: scale.Settings, sql: str) -> list[tuple]:
    """Run SQL in which `log` stands for every file of the log, and `prices` for the price list."""
    log = f"read_parquet('{settings.out}/litellm/spend_logs*.parquet')"
    prices = (
        f"read_csv('{settings.out}/price_list.csv', types = {{'unit_price': 'decimal(18, 6)',"
        " 'context_from_tokens': 'bigint', 'context_until_tokens': 'bigint'})"
    )
    with duckdb.connect(":memory:") as connection:
        return connection.execute(
            f"with log as (from {log}), prices as (from {prices}) {sql}"
        ).fetchall()


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its relative name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_rows_copies_and_late_rows_are_counted_exactly(generated: scale.Settings) -> None:
    [(rows, calls, versions, late)] = query(
        generated,
        """
        select
            count(*),
            count(distinct request_id),
            count(distinct (request_id, metadata, spend, "startTime", created_at, session_id)),
            -- a first delivery on a later day; the loader alone takes at most 14 minutes
            (select count(*) from (
                select min(_loaded_at - "startTime") as delay from log group by request_id
            ) where delay >= interval 1 day)
        from log
        """,
    )
    assert rows == ROWS
    assert calls == versions == ROWS - 90 == generated.calls
    assert late == 147 == generated.late_calls


def test_the_same_arguments_give_the_same_bytes(generated: scale.Settings, tmp_path: Path) -> None:
    scale.generate(dataclasses.replace(generated, out=tmp_path / "again", jobs=1))
    assert files(tmp_path / "again") == files(generated.out)
    scale.generate(dataclasses.replace(generated, out=tmp_path / "other", seed=2))
    assert files(tmp_path / "other") != files(generated.out)


def test_arrival_batches_add_up_to_the_whole_log(generated: scale.Settings, tmp_path: Path) -> None:
    batches = dataclasses.replace(generated, out=tmp_path)
    scale.generate(dataclasses.replace(batches, through_day=3))
    for day in range(4, 9):
        scale.generate(dataclasses.replace(batches, only_day=day))
    arrived = """
        select * from log where _loaded_at < timestamp '2026-01-09'
        order by request_id, _loaded_at
    """
    assert query(batches, arrived) == query(generated, arrived)
    counted = "select count(*), count_if(_loaded_at >= timestamp '2026-01-09') from log"
    [(rows, later)] = query(generated, counted)
    assert query(batches, counted) == [(rows - later, 0)]


def test_every_token_of_a_success_has_exactly_one_price(generated: scale.Settings) -> None:
    unpriced = query(
        generated,
        """
        , counted as (
            select distinct on (request_id)
                request_id,
                custom_llm_provider as logged_provider,
                metadata ->> '$.model_map_information.model_map_key' as served_model,
                coalesce(metadata ->> '$.cost_breakdown.service_tier', 'on_demand') as mode,
                "startTime" as started_at,
                prompt_tokens,
                completion_tokens,
                coalesce(cast(metadata ->> '$.usage_object.prompt_tokens_details.cached_tokens'
                    as bigint), 0) as cache_read,
                coalesce(cast(metadata
                    ->> '$.usage_object.prompt_tokens_details.cache_creation_tokens'
                    as bigint), 0) as cache_write,
                coalesce(cast(metadata ->> '$.usage_object.prompt_tokens_details'
                    '.cache_creation_token_details.ephemeral_1h_input_tokens'
                    as bigint), 0) as cache_write_1h
            from log
            where status = 'success'
        ),
        used as (
            unpivot (
                select
                    * exclude (completion_tokens, cache_write),
                    prompt_tokens - cache_read - cache_write as input_uncached,
                    cache_write - cache_write_1h as cache_write_5m,
                    completion_tokens as output
                from counted
            )
            on input_uncached, cache_read, cache_write_5m, cache_write_1h, output
            into name used_class value tokens
        )
        select request_id, used_class, tokens, count(price_id)
        from used
        left join prices
            on logged_provider = provider_id
            and served_model = model_id
            and mode = pricing_mode
            and used_class = token_class
            and started_at >= valid_from_at
            and started_at < valid_until_at
            and prompt_tokens >= coalesce(context_from_tokens, 0)
            and prompt_tokens < coalesce(context_until_tokens, 1000000000)
        where tokens <> 0
        group by request_id, used_class, tokens
        having count(price_id) <> 1 or tokens < 0
        """,
    )
    assert unpriced == []


def test_the_log_holds_every_kind_of_call(generated: scale.Settings) -> None:
    [kinds] = query(
        generated,
        """
        select
            count_if(status = 'failure'),
            count_if((metadata ->> '$.attempted_retries') is null),
            count_if((metadata ->> '$.attempted_retries') = '1'),
            count_if((metadata ->> '$.attempted_fallbacks') = '1'),
            count_if((metadata ->> '$.azure_spillover.from_deployment') is not null),
            count_if((metadata ->> '$.cost_breakdown.service_tier') = 'flex'),
            count_if((metadata ->> '$.error_information.error_class') = 'ClientDisconnected'),
            count_if(cache_hit = 'True'),
            count_if(model_id like 'committed-pool-%'),
            count_if("completionStartTime" < "endTime"),
            count_if(request_tags like '%app:%'),
            count_if(prompt_tokens > 200000)
        from log
        """,
    )
    assert all(count > 0 for count in kinds), kinds
    [(valid, balanced, ordered)] = query(
        generated,
        """
        select
            bool_and(json_valid(metadata) and json_valid(request_tags)),
            bool_and(total_tokens = prompt_tokens + completion_tokens),
            bool_and("startTime" <= "completionStartTime" and "completionStartTime" <= "endTime"
                and "endTime" < created_at and created_at < _loaded_at)
        from log
        """,
    )
    assert valid and balanced and ordered


def test_interactions_have_one_to_five_calls_and_some_cross_midnight(
    generated: scale.Settings,
) -> None:
    [(fewest, most, over_midnight)] = query(
        generated,
        """
        , interactions as (
            select
                count(distinct request_id) as calls,
                count(distinct date_trunc('day', "startTime")) as days
            from log
            where (metadata ->> '$.spend_logs_metadata.interaction_id') is not null
            group by metadata ->> '$.spend_logs_metadata.interaction_id'
        )
        select min(calls), max(calls), count_if(days > 1) from interactions
        """,
    )
    assert (fewest, most) == (1, 5)
    assert over_midnight > 0


def test_the_price_list_has_the_columns_of_the_seed(generated: scale.Settings) -> None:
    with (generated.out / "price_list.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        prices = list(reader)
    assert reader.fieldnames == [
        "price_id", "provider_id", "model_id", "billing_account_id", "region_id", "pricing_mode",
        "token_class", "context_from_tokens", "context_until_tokens", "volume_from_units",
        "volume_until_units", "unit_price", "unit_quantity", "currency", "valid_from_at",
        "valid_until_at", "recorded_at", "source",
    ]  # fmt: skip
    assert len({price["price_id"] for price in prices}) == len(prices)
    assert len({price["model_id"] for price in prices}) == scale.MODELS
    assert all(Decimal(price["unit_price"]) > 0 for price in prices)
    assert all(price["valid_from_at"] < price["valid_until_at"] for price in prices)
    with (generated.out / "commitments.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == scale.POOLS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "99"], "--rows must be between 100"),
        (["--days", "0"], "--days must be between 1"),
        (["--rows", "100", "--days", "101"], "at least one call per day"),
        (["--late-share", "0.6"], "--late-share must be between 0 and 0.5"),
        (["--late-share", "nan"], "--late-share must be between 0 and 0.5"),
        (["--duplicate-share", "-0.1"], "--duplicate-share must be between 0 and 0.5"),
        (["--seed", "-1"], "--seed must be between 0"),
        (["--only-day", "0"], "--only-day must be between 1"),
        (["--through-day", "45"], "--through-day must be between 1 and 44"),
        (["--through-day", "1", "--only-day", "2"], "exclude each other"),
        (["--jobs", "0"], "--jobs must be between 1"),
        (["--start", "1999-12-31"], "--start must be between 2000"),
    ],
)
def test_values_out_of_range_stop_with_a_message(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--rows", "1000", "--days", "10", "--out", str(tmp_path / "none"), *arguments]
    with pytest.raises(SystemExit) as stopped:
        scale.parse_arguments(given)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_two_logs_never_mix_in_one_folder(generated: scale.Settings) -> None:
    with pytest.raises(FileExistsError, match="logs do not mix"):
        scale.generate(generated)
