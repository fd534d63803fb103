"""Meridian Mutual, the fictional insurer whose raw files `make demo` builds on.

`truth` says what really happened; `telemetry`, `bills` and `business` each tell that truth
the way one kind of source would, with its own gaps; `files` writes it down.
"""
