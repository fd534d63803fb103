"""Cuts the committed fixture out of a complete LiteLLM spend log.

The slice keeps a few rows of every kind of call the log knows (API, deployment, cache state, error,
retry, fallback, spill, tier, streaming), whole agent runs, cache replays with the calls they
replay, and every row of some rare kinds. Which rows are taken depends on their ids alone, so the
same log always gives the same slice.

    python scripts/make_log_slice.py <folder with LiteLLM_*.parquet> tests/fixtures/litellm
"""

from __future__ import annotations

import argparse
from pathlib import Path

import duckdb

# Rows of each kind of call.
ROWS_PER_KIND = 4
WHOLE_RUNS = 3
CACHE_REPLAYS = 5
REASONING_ABOVE_OUTPUT = 4

TEAM_COLUMNS = (
    "team_id", "team_alias", "organization_id", "metadata", "max_budget", "blocked", "created_at",
)  # fmt: skip
KEY_COLUMNS = (
    "token", "key_alias", "team_id", "metadata", "max_budget", "blocked", "created_at",
)  # fmt: skip

# One kind of call per combination of these.
KINDS = """
    select
        *,
        row_number() over (
            partition by
                call_type, model, model_group, cache_hit, status, error_class, retries, fallbacks,
                spilled, tier, run_id is not null, is_streamed, has_long_cache_write
            order by md5(request_id)
        ) as position_in_kind
    from (
        select
            request_id,
            call_type,
            model,
            model_group,
            cache_hit,
            status,
            api_key,
            spend,
            completion_tokens,
            metadata ->> '$.error_information.error_class' as error_class,
            metadata ->> '$.attempted_retries' as retries,
            metadata ->> '$.attempted_fallbacks' as fallbacks,
            metadata ->> '$.azure_spillover.from_deployment' is not null as spilled,
            metadata ->> '$.cost_breakdown.service_tier' as tier,
            metadata ->> '$.spend_logs_metadata.workflow_run_id' as run_id,
            cast(
                metadata ->> '$.usage_object.completion_tokens_details.reasoning_tokens' as bigint
            ) as reasoning_tokens,
            cast(
                metadata -> '$.usage_object.prompt_tokens_details.cache_creation_token_details'
                ->> '$.ephemeral_1h_input_tokens' as bigint
            ) > 0 as has_long_cache_write,
            "completionStartTime" < "endTime" as is_streamed
        from spend_logs
    )
"""


def chosen_ids(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Request ids of the slice."""

    def ids(query: str) -> set[str]:
        return {row[0] for row in connection.execute(query).fetchall()}

    chosen = ids(f"select request_id from ({KINDS}) where position_in_kind <= {ROWS_PER_KIND}")
    chosen |= ids(
        f"""
        select request_id from ({KINDS}) where run_id in (
            select run_id from ({KINDS}) where run_id is not null
            group by run_id order by md5(run_id) limit {WHOLE_RUNS}
        )
        """
    )
    chosen |= ids(
        f"""
        select request_id from ({KINDS}) where reasoning_tokens > completion_tokens
        order by md5(request_id) limit {REASONING_ABOVE_OUTPUT}
        """
    )
    chosen |= ids(
        f"""
        select request_id from ({KINDS}) where cache_hit = 'True'
        order by md5(request_id) limit {CACHE_REPLAYS}
        """
    )
    chosen |= {one.split("_cache_hit")[0] for one in chosen if "_cache_hit" in one}
    # The two calls that took the smallest budget over its limit, beside rejections that follow.
    chosen |= ids(
        f"""
        select request_id from ({KINDS}) where spend > 0 and api_key in (
            select api_key from ({KINDS}) where error_class = 'BudgetExceededError'
        )
        """
    )
    return chosen


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(
        f"copy ({query}) to '{path}' (format parquet, compression zstd, compression_level 19)"
    )


def make_slice(log_folder: Path, fixture_folder: Path) -> None:
    """Writes spend_logs, teams and keys under ``<fixture_folder>/litellm``."""
    target = fixture_folder / "litellm"
    target.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(
            f"create view spend_logs as from '{log_folder / 'LiteLLM_SpendLogs.parquet'}'"
        )
        connection.execute("create table chosen (request_id varchar)")
        connection.executemany(
            "insert into chosen values (?)", [(one,) for one in sorted(chosen_ids(connection))]
        )
        write_parquet(
            connection,
            """
            select * from spend_logs semi join chosen using (request_id)
            order by "startTime", request_id
            """,
            target / "spend_logs.parquet",
        )
        for source, columns, order_by, name in (
            ("LiteLLM_TeamTable", TEAM_COLUMNS, "team_id", "teams"),
            ("LiteLLM_VerificationToken", KEY_COLUMNS, "token", "keys"),
        ):
            write_parquet(
                connection,
                f"select {', '.join(columns)} from '{log_folder / source}.parquet' "
                f"order by {order_by}",
                target / f"{name}.parquet",
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log_folder", type=Path)
    parser.add_argument("fixture_folder", type=Path)
    arguments = parser.parse_args()
    make_slice(arguments.log_folder, arguments.fixture_folder)


if __name__ == "__main__":
    main()
