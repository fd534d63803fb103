"""Graduated prices in closed months: a close keeps the volume and the steps that it knew.

A price of three steps, two accounts (one by UTC, one by the clock of Los Angeles), calls that
arrive after the close of their month, and a step that is corrected after the next close.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dbt_runs import DbtRun, run_dbt
from raw_files import Row, copy_project, price, read_seed, spend_log, write_seed, write_spend_logs
from test_ledger import LEDGER, posted_until
from test_oracle_bills import expected_lines, posted_lines, unequal

from tests.oracle.books import load_books

CLOSES = {"2026-09-01": "2026-10-05 23:59:00", "2026-10-01": "2026-11-05 23:59:00"}
LITELLM_ONLY = {"sources": ["litellm"]}
MODELS = {"volume-utc": "borealis", "volume-la": "aurora"}
STEPS = ((0, 1_000_000, 50), (1_000_000, 5_000_000, 40), (5_000_000, "", 30))


def step(model: str, start: int, end: Any, amount: int, **columns: Any) -> Row:
    return price(
        f"{model}-{start}-{amount}", "input_uncached", amount, provider_id=MODELS[model],
        model_id=model, volume_from_units=start or "", volume_until_units=end, **columns,
    )  # fmt: skip


def prices() -> list[Row]:
    """The steps of both models, and the middle one as it was corrected in November."""
    rows = []
    for model, provider in MODELS.items():
        rows += [step(model, *one) for one in STEPS]
        rows.append(step(model, 1_000_000, 5_000_000, 36, recorded_at="2026-11-10 09:00:00"))
        rows.append(price(f"{model}-output", "output", 1, provider_id=provider, model_id=model))
    return rows


def call(call_id: str, at: str, application: str, units: int, model: str, **columns: Any) -> Row:
    facts = {"application": application, "workflow": application}
    return spend_log(
        call_id, at, model=model, model_id=f"{model}-deployment", prompt=units, completion=0,
        custom_llm_provider=MODELS[model], metadata={"spend_logs_metadata": facts}, **columns,
    )  # fmt: skip


def calls() -> list[Row]:
    late = {"_loaded_at": "2026-10-07 09:00:00"}
    return [
        *(
            call(f"early-{n}", f"2026-09-{10 + n} 12:00:00", "support-chat", 700_000, "volume-utc")
            for n in range(6)
        ),
        call("late-1", "2026-09-20 12:00:00", "uw-summariser", 1_000_000, "volume-utc", **late),
        call("late-2", "2026-09-21 12:00:00", "uw-summariser", 1_000_000, "volume-utc", **late),
        # The evening of 30 September in Los Angeles is the morning of 1 October.
        call("evening", "2026-10-01 03:00:00", "support-chat", 600_000, "volume-la"),
        call("before-the-close", "2026-10-02 12:00:00", "uw-summariser", 500_000, "volume-la"),
        call("after-the-close", "2026-10-10 12:00:00", "uw-summariser", 3_000_000, "volume-la"),
        call("much-later", "2026-10-11 12:00:00", "uw-summariser", 900_000, "volume-la",
             _loaded_at="2026-11-08 09:00:00"),
    ]  # fmt: skip


@dataclass
class History:
    """One company at two closes and today."""

    project: Path
    raw_path: Path
    closes: dict[str, DbtRun]
    today: DbtRun


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("volumes")
    project = copy_project(folder / "project", keep_price_list=False)
    write_seed(project, "contract_prices", read_seed(project, "contract_prices") + prices())
    raw_path = write_spend_logs(folder / "raw", calls())

    def build(name: str, **variables: Any) -> DbtRun:
        run = run_dbt(
            LEDGER, folder / name, raw_path, variables=LITELLM_ONLY | variables, project=project
        )
        assert run.succeeded, run.error or run.failures()
        return run

    closes = {month: build(month, as_of=close_at) for month, close_at in CLOSES.items()}
    return History(project, raw_path, closes, build("today"))


def charged(run: DbtRun, model: str) -> dict[tuple[str, str | None], dict[str, Decimal]]:
    """What September is charged by application, for every posting month and cause."""
    found: dict[tuple[str, str | None], dict[str, Decimal]] = defaultdict(dict)
    for month, cause, application, amount in run.rows(
        f"""
        select posting_month, restatement_cause, application_id, sum(amount_usd)
        from fct_cost_lines
        where model_id = '{model}' and usage_month = '2026-09-01' and line_side = 'consumer'
        group by all
        """
    ):
        found[str(month), cause][application] = amount
    return found


def test_late_calls_and_a_corrected_step_post_when_they_become_known(history: History) -> None:
    # 4.2 million at the close: 50 + 3.2 x 40. Then 6.2 million: 50 + 160 + 36 at the blended rate,
    # and 50 + 144 + 36 once the middle step costs 36.
    assert charged(history.today, "volume-utc") == {
        ("2026-09-01", None): {"support-chat": Decimal("178.00")},
        ("2026-10-01", "late_telemetry"): {
            "support-chat": Decimal("-11.35"),
            "uw-summariser": Decimal("79.35"),
        },
        ("2026-11-01", "rate_correction"): {
            "support-chat": Decimal("-10.84"),
            "uw-summariser": Decimal("-5.16"),
        },
    }


def test_the_last_evening_elsewhere_climbs_with_the_utc_month_it_lies_in(history: History) -> None:
    # 0.6 of the 1.1 million that the close of September knew of October by UTC, of the 4.1 million
    # that the close of October knew, and of 5 million at the end.
    assert charged(history.today, "volume-la") == {
        ("2026-09-01", None): {"support-chat": Decimal("29.45")},
        ("2026-10-01", "late_telemetry"): {"support-chat": Decimal("-3.99")},
        ("2026-11-01", "late_telemetry"): {"support-chat": Decimal("-0.26")},
        ("2026-11-01", "rate_correction"): {"support-chat": Decimal("-1.92")},
    }


@pytest.mark.parametrize("month", CLOSES)
def test_a_closed_month_keeps_the_volume_and_the_steps_it_knew(
    history: History, month: str
) -> None:
    published = posted_until(history.closes[month], month)
    assert len(published) > 3
    assert posted_until(history.today, month) == published


def test_the_newest_value_is_what_the_calls_cost(history: History) -> None:
    assert (
        history.today.rows(
            """
            with valued as (
                select model_id, sum(rated_usd) as rated_usd from int_usage_stepped
                where is_newest group by model_id
            ), rated as (
                select model_id, sum(contracted_cost_usd) as rated_usd from int_attempts_rated
                where pricing_mode <> 'committed' group by model_id
            )
            select * from valued full join rated using (model_id)
            where valued.rated_usd is distinct from rated.rated_usd
            """
        )
        == []
    )


def test_every_posting_is_that_of_the_oracle(history: History) -> None:
    """Of the two models: the company's unused capacity has no bill here, and each side another name
    for its estimate."""
    steps = load_books(history.raw_path, history.project / "seeds").steps()
    built, expected = (
        {key: amount for key, amount in lines.items() if key[5] in MODELS}
        for lines in (posted_lines(history.today), expected_lines(steps))
    )
    assert len(expected) > 10
    assert unequal(built, expected) == {}
