"""What may be varied in the sample company, and how far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

EARLIEST_FIRST_DAY = date(2026, 4, 1)
LATEST_FIRST_DAY = date(2026, 8, 1)
LAST_DAY = date(2026, 10, 31)


@dataclass(frozen=True)
class Parameters:
    """Knobs of the generator. The defaults give the closed numbers of the planted stories.

    Raises ValueError, with the legal range, for a value the stories cannot bear.
    """

    first_day: date = LATEST_FIRST_DAY
    """First day (UTC) with telemetry. Earlier months only add steady history."""
    last_day: date = LAST_DAY
    """Last day (UTC) with telemetry."""
    arrival_minutes: int = 15
    """Minutes between the end of a call and its arrival."""
    redelivery_minutes: int = 60
    """Minutes between the first and the second delivery of one hourly file."""
    loop_steps: int = 243
    """Identical steps in each runaway run; runs start 48 minutes apart."""
    evaluation_interval: int = 5
    """One interaction in so many is evaluated."""

    def __post_init__(self) -> None:
        """Refuse values the stories cannot bear."""
        if not EARLIEST_FIRST_DAY <= self.first_day <= LATEST_FIRST_DAY or self.first_day.day != 1:
            raise ValueError(
                f"first_day must be the first of a month from {EARLIEST_FIRST_DAY} (billing days "
                f"assume daylight time) to {LATEST_FIRST_DAY} (the first story), "
                f"not {self.first_day}"
            )
        if self.last_day != LAST_DAY:
            raise ValueError(
                f"last_day must be {LAST_DAY}: later days leave daylight time, earlier days "
                f"cut a story off; not {self.last_day}"
            )
        for name, low, high in (
            ("arrival_minutes", 1, 60),
            ("redelivery_minutes", 1, 1440),
            ("loop_steps", 4, 261),
            ("evaluation_interval", 2, 100),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not {value}")

    def days(self) -> list[date]:
        """Every day of the window, in order."""
        count = (self.last_day - self.first_day).days + 1
        return [self.first_day + timedelta(days=offset) for offset in range(count)]
