"""A second, independent implementation of the project's money, in plain Python.

It reads the raw files and the seeds, shares no code with the dbt models or the sample company's
generator, and computes with ``decimal`` alone, so that two separately written programs have to
agree on every amount.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, localcontext
from pathlib import Path

from .arithmetic import CONTEXT, exact_sum
from .interactions import Interaction, build_interactions, daily_cost
from .ownership import ControlFigure, Registry, control_figures
from .rate import CONVERT_EACH, CONVERT_TOTAL, RatedAttempt, Rater
from .read import Row, Seeds, parse_instant, read_raw_table, read_seeds
from .requests import LITELLM, OTEL_GENAI, Quarantined, normalize

__all__ = [
    "CONVERT_EACH",
    "CONVERT_TOTAL",
    "OracleResult",
    "Quarantined",
    "RatedAttempt",
    "compute",
    "load",
]

REQUEST_TABLES = {
    LITELLM: ("spend_logs", "keys"),
    OTEL_GENAI: ("spans",),
}


@dataclass(frozen=True)
class OracleResult:
    """Everything computed from one set of raw files at one knowledge time."""

    attempts: dict[str, RatedAttempt]
    quarantined: list[Quarantined]
    exact_duplicates: Counter[str]
    source_rows: Counter[str]
    interactions: dict[str, Interaction]
    failures: list[str]
    seeds: Seeds
    as_of: datetime | None

    @property
    def cost_bearing(self) -> list[RatedAttempt]:
        return [one for one in self.attempts.values() if one.is_cost_bearing]

    @property
    def contracted_cost_usd(self) -> Decimal:
        """USD of all priced attempts; committed use at its on-demand equivalent."""
        return exact_sum(one.contracted_cost_usd for one in self.attempts.values())

    @property
    def list_cost_usd(self) -> Decimal:
        return exact_sum(one.list_cost_usd for one in self.attempts.values())

    @property
    def unpriced_exposure_usd(self) -> Decimal:
        return exact_sum(one.unpriced_exposure_usd for one in self.attempts.values())

    @property
    def quarantined_estimate_usd(self) -> Decimal:
        """USD the refused records may stand for; of conflicting versions the larger counts."""
        largest: dict[tuple[str, str], Decimal] = {}
        others: list[Decimal | None] = []
        for record in self.quarantined:
            if record.reason != "CONFLICT_DUP":
                others.append(record.estimated_usd)
            elif record.estimated_usd is not None:
                key = (record.source_name, record.source_record_id)
                largest[key] = max(largest.get(key, record.estimated_usd), record.estimated_usd)
        return exact_sum([*others, *largest.values()])

    @property
    def daily_cost_usd(self) -> dict[tuple[str, date], Decimal]:
        """Effective USD by interaction and UTC date of its attempts."""
        return daily_cost(self.interactions.values())

    @property
    def control_figures(self) -> list[ControlFigure]:
        return control_figures(self.attempts.values())

    @property
    def registry(self) -> Registry:
        return Registry(self.seeds, self.as_of)


def compute(
    raw: dict[tuple[str, str], list[Row]],
    seeds: Seeds,
    sources: Iterable[str] = (LITELLM, OTEL_GENAI),
    as_of: datetime | str | None = None,
    graduated_conversion: str = CONVERT_EACH,
) -> OracleResult:
    """Compute from rows in memory. ``as_of`` is UTC, inclusive; None means all knowledge."""
    known_at = parse_instant(as_of)
    with localcontext(CONTEXT):
        normalized = normalize(raw, seeds, sources, known_at)
        rater = Rater(seeds, known_at, graduated_conversion)
        attempts = rater.rate(normalized.attempts)
        quarantined = [
            replace(record, estimated_usd=rater.estimate(record))
            for record in normalized.quarantined
        ]
        return OracleResult(
            attempts=attempts,
            quarantined=quarantined,
            exact_duplicates=normalized.exact_duplicates,
            source_rows=normalized.source_rows,
            interactions=build_interactions(attempts.values()),
            failures=normalized.failures,
            seeds=seeds,
            as_of=known_at,
        )


def load(
    raw_path: str | Path,
    seed_path: str | Path,
    sources: Iterable[str] = (LITELLM, OTEL_GENAI),
    as_of: datetime | str | None = None,
    graduated_conversion: str = CONVERT_EACH,
) -> OracleResult:
    """Compute from ``<raw_path>/<source>/<table>*.parquet`` and the CSV files of ``seed_path``.

    Sources without request logs are passed over. Raises ``InputError`` for unreadable files,
    ``PriceTie`` and ``ReferenceConflict`` where the seeds name two winners.
    """
    sources = tuple(sources)
    raw = {
        (source, table): read_raw_table(Path(raw_path), source, table)
        for source in sources
        for table in REQUEST_TABLES.get(source, ())
    }
    return compute(raw, read_seeds(Path(seed_path)), sources, as_of, graduated_conversion)
