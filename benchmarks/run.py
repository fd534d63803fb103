"""Measure the project against yardsticks on a synthetic log, all in one run on one machine.

    python benchmarks/run.py --rows 10000000

generates the log (scripts/generate_scale_data.py), then measures in child processes

    floor         one scan that adds up every column that staging reads
    hand-written  benchmarks/hand_written.sql: the same tables in plain DuckDB SQL
    build         `dbt build` of those tables on the same rows, without and with its tests
    steps         the deduplication and the rating alone
    one day       an incremental build of one arrival day on a long history, compared row by row
                  with a full build of the same rows
    growth        the build of a tenth of the rows against the build of all
    draw-down     hours of committed capacity on a long history against those of the full build
    LiteLLM       its Python cost function per call, where the package is installed

and prints each bar beside what was reached. A figure is CPU seconds (user and system) of the
child process; what the same command needs for a log of 100 rows is subtracted, so that neither
the start of Python nor dbt's own time counts. Compare ratios of one run, never seconds of two
machines.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

PROJECT = Path(__file__).resolve().parents[1]
# The tables that both the project and hand_written.sql make.
TABLES = [
    table
    for table in ("fct_attempts", "fct_interactions", "rpt_cost_per_interaction_daily")
    if any(PROJECT.glob(f"models/marts/*/{table}.sql"))
]
SELECTED = [f"+{table}" for table in TABLES]
# From commitments to used and unused hours; what it makes of attempts is built before.
DRAW_DOWN = [
    "resource_type:seed,+fct_capacity_hours",
    "path:models/intermediate/commitment,+fct_capacity_hours",
    "fct_capacity_hours",
]
DEDUPLICATED_RELATION = "int_requests_received"
IDENTIFIED_RELATION = "int_attempts_identified"
RATED_RELATION = "int_attempts_rated"
OVERHEAD_ROWS = 100
# Generated reference rows: the price list is exchanged, the others join the sample company's.
EXCHANGED_SEEDS = {"price_list": "reference"}
EXTENDED_SEEDS = {
    "models": "reference",
    "applications": "company",
    "ownership": "company",
    "cost_centers": "company",
    "billing_accounts": "company",
    "commitments": "company",
}
PROJECT_PARTS = [
    "analyses", "macros", "models", "seeds", "snapshots", "tests/data", "tests/generic",
    "dbt_project.yml", "profiles.yml", "packages.yml",
]  # fmt: skip
COMPARED_ATTEMPT_COLUMNS = [
    "attempt_id", "contracted_cost_usd", "effective_cost_usd", "pricing_mode", "status",
    "billing_status", "cost_center_id", "application_id", "interaction_date",
    "commitment_pool_id", "demand_class", "quality_flags", "request_tags", "user_pseudonym",
]  # fmt: skip
COMPARED_INTERACTION_COLUMNS = [
    "interaction_id", "interaction_date", "application_id", "workflow_id", "user_pseudonym",
    "primary_model_id", "cost_center_id", "attempts", "steps", "output_tokens",
    "model_inference_cost_usd", "is_successful", "legibility_score", "duration_seconds",
]  # fmt: skip
FLOOR_NUMBERS = [
    "spend", "total_tokens", "prompt_tokens", "completion_tokens", "request_duration_ms",
]  # fmt: skip
FLOOR_TEXTS = [
    "request_id", "call_type", "api_key", "model", "model_id", "model_group",
    "custom_llm_provider", "metadata", "cache_hit", "request_tags", "team_id", "end_user",
    "session_id", "status", "agent_id",
]  # fmt: skip
FLOOR_TIMES = ["startTime", "endTime", "completionStartTime", "created_at", "_loaded_at"]


@dataclass(frozen=True)
class Measurement:
    """What one child process needed."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int

    def without(self, overhead: Measurement) -> float:
        """CPU seconds beyond those of the same command on a tiny input, at least a hundredth."""
        return max(0.01, self.cpu_seconds - overhead.cpu_seconds)


class Bench:
    """One run: a work folder with a copy of the project, and the measurements made in it.

    dbt sees the same project, paths and variables in every step, so that it never parses again;
    the raw folder and the database behind these paths are exchanged between the steps.
    """

    def __init__(self, work: Path, memory_limit: str, threads: int) -> None:
        """Use `work` as an empty folder of its own."""
        self.work = work
        self.memory_limit = memory_limit
        self.threads = threads
        self.project = work / "project"
        self.raw = work / "raw"
        self.database = work / "bench.duckdb"
        self.log = work / "children.log"
        self.environment = {
            **os.environ,
            "AI_FINOPS_RAW_PATH": str(self.raw),
            "AI_FINOPS_DUCKDB_PATH": str(self.database),
            "DBT_TARGET_PATH": str(work / "target"),
            "DBT_LOG_PATH": str(work / "logs"),
            "DBT_PROFILES_DIR": str(self.project),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }

    def measured(self, command: list[str], folder: Path | None = None) -> Measurement:
        """Run a command to its end; raise RuntimeError with its last lines when it fails."""
        began = time.perf_counter()
        with self.log.open("ab") as log:
            start = log.tell()
            child = subprocess.Popen(
                command, cwd=folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        if child.returncode != 0:
            output = self.log.read_bytes()[start:].decode(errors="replace").splitlines()
            raise RuntimeError("\n".join([f"failed: {' '.join(command)}", *output[-40:]]))
        return Measurement(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)

    def generate(self, name: str, rows: int, days: int, *options: str) -> Path:
        """Write a synthetic log, or one more batch of it, and return its folder."""
        folder = self.work / name
        self.measured(
            [sys.executable, str(PROJECT / "scripts" / "generate_scale_data.py"),
             "--rows", str(rows), "--days", str(days), "--out", str(folder), *options]
        )  # fmt: skip
        return folder

    def use(self, raw: Path, seeds_from: Path | None = None) -> None:
        """Let the raw path point at a generated log and put its reference rows into the seeds."""
        self.raw.unlink(missing_ok=True)
        self.raw.symlink_to(raw.resolve(), target_is_directory=True)
        generated = seeds_from or raw
        for name, folder in EXCHANGED_SEEDS.items():
            shutil.copyfile(
                generated / f"{name}.csv", self.project / "seeds" / folder / f"{name}.csv"
            )
        for name, folder in EXTENDED_SEEDS.items():
            own = (PROJECT / "seeds" / folder / f"{name}.csv").read_text(encoding="utf-8")
            added = (generated / f"{name}.csv").read_text(encoding="utf-8")
            header, _, rows = added.partition("\n")
            if own.partition("\n")[0].strip() != header.strip():
                raise RuntimeError(f"the generator does not know the columns of seed {name}")
            target = self.project / "seeds" / folder / f"{name}.csv"
            target.write_text(own.rstrip("\n") + "\n" + rows, encoding="utf-8")

    def copy_project(self) -> None:
        """Copy what dbt reads, and give the copy the memory limit of this run."""
        for part in PROJECT_PARTS:
            source = PROJECT / part
            target = self.project / part
            if source.is_dir():
                shutil.copytree(source, target)
            elif source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        profiles = self.project / "profiles.yml"
        text = profiles.read_text(encoding="utf-8")
        before, found, after = text.partition("      threads: 2\n")
        if not found:
            raise RuntimeError("profiles.yml has no line 'threads: 2' to put the limits at")
        profiles.write_text(
            f"{before}      threads: {self.threads}\n"
            f"      settings: {{memory_limit: '{self.memory_limit}'}}\n{after}",
            encoding="utf-8",
        )

    def drop_database(self) -> None:
        """Remove the database, so that the next build starts from nothing."""
        for path in self.work.glob("bench.duckdb*"):
            path.unlink()

    def dbt(self, *arguments: str, select: Sequence[str] = SELECTED) -> Measurement:
        """Run dbt on the copy of the project, for the tables under comparison unless told."""
        return self.measured(
            [str(Path(sys.executable).parent / "dbt"), *arguments,
             "--vars", "{sources: [litellm]}", "--select", *select],
            self.project,
        )  # fmt: skip

    def build(self, select: Sequence[str] = SELECTED) -> Measurement:
        """Build seeds, snapshots and models."""
        return self.dbt(
            "build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test",
            select=select,
        )  # fmt: skip

    def test(self) -> Measurement:
        """Run the data tests on what was built."""
        return self.dbt(
            "test", "--exclude-resource-type", "unit_test", "--indirect-selection", "buildable"
        )

    def draw_down(self) -> tuple[Measurement, int]:
        """Draw the calls that are built from the committed capacity; also count its pool hours."""
        measured = self.build(DRAW_DOWN)
        return measured, self.answer("rows", str(self.database), "fct_capacity_hours")["rows"]

    def step(self, name: str, *arguments: str) -> Measurement:
        """Run one of the STEPS of this file in a child process."""
        return self.measured([sys.executable, __file__, "--step", name, *arguments])

    def answer(self, name: str, *arguments: str) -> dict:
        """Run one of the STEPS and return the JSON it prints."""
        done = subprocess.run(
            [sys.executable, __file__, "--step", name, *arguments],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"step {name} failed:\n{done.stderr[-4000:]}")
        return json.loads(done.stdout)


# Steps in a child process ----------------------------------------------------------------------


def connect(database: str, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a database with the limits of this run. DuckDB is imported in child processes only."""
    import duckdb

    return duckdb.connect(
        database,
        read_only=read_only,
        config={
            "threads": int(os.environ.get("BENCH_THREADS", "2")),
            "memory_limit": os.environ.get("BENCH_MEMORY_LIMIT", "4GB"),
        },
    )


def floor_query(raw: str, texts: list[str]) -> str:
    """Return a query that adds up columns that staging reads, without looking into them."""
    sums = [
        *(f"sum({column})" for column in FLOOR_NUMBERS),
        *(f"sum(strlen({column}))" for column in texts),
        *(f'max("{column}")' for column in FLOOR_TIMES),
    ]
    return f"select {', '.join(sums)} from read_parquet('{raw}/litellm/spend_logs*.parquet')"


def scan_floor(raw: str) -> None:
    """Scan every column that staging reads."""
    with connect(":memory:") as connection:
        connection.execute(floor_query(raw, FLOOR_TEXTS)).fetchall()


def run_hand_written(raw: str, seeds: str, database: str) -> None:
    """Run hand_written.sql into a database of its own."""
    with connect(database) as connection:
        connection.execute(f"set variable raw_path = '{raw}'")
        connection.execute(f"set variable seeds_path = '{seeds}'")
        connection.execute(
            (PROJECT / "benchmarks" / "hand_written.sql").read_text(encoding="utf-8")
        )


def cost_of_sql(database: str, repetitions: str, *statements: str) -> None:
    """Print the CPU seconds of each statement as JSON, the least of several repetitions."""
    seconds = []
    with connect(database) as connection:
        # As in profiles.yml: joins keep the sides on which they were written.
        connection.execute("set disabled_optimizers = 'build_side_probe_side'")
        for statement in statements:
            tries = []
            for _ in range(int(repetitions)):
                began = time.process_time()
                connection.execute(statement).fetchall()
                tries.append(time.process_time() - began)
            seconds.append(min(tries))
    print(json.dumps({"cpu_seconds": seconds}))


def compare_answers(hand_written: str, built: str) -> None:
    """Print rows and sums of both pipelines as JSON."""
    questions = {
        "fct_attempts": [
            "count(*)",
            "count(distinct attempt_id)",
            "count(contracted_cost_usd)",
            "count(effective_cost_usd)",
            "sum(list_cost_usd)",
            "sum(contracted_cost_usd)",
            "sum(effective_cost_usd)",
            "sum(avoided_cost_usd)",
            "sum(gateway_reported_cost_usd)",
            "sum(input_uncached_tokens)",
            "sum(output_tokens)",
            "count_if(is_waste)",
            # Order-free: equal only if every row is equal in these columns.
            f"bit_xor(hash({', '.join(COMPARED_ATTEMPT_COLUMNS)}))",
        ],
        "fct_interactions": [
            "count(*)",
            "sum(attempts)",
            "sum(steps)",
            "sum(retries)",
            "sum(fallbacks)",
            "count_if(is_successful)",
            "sum(legibility_score)",
            "sum(model_inference_cost_usd)",
            f"bit_xor(hash({', '.join(COMPARED_INTERACTION_COLUMNS)}))",
        ],
        "rpt_cost_per_interaction_daily": [
            "count(*)",
            "sum(interactions)",
            "sum(successful_interactions)",
            "sum(production_cost_usd)",
            "sum(cost_p50_usd)",
            "sum(cost_p95_usd)",
            "sum(cost_per_successful_interaction_usd)",
            "sum(success_ratio)",
        ],
    }
    answers: dict[str, dict[str, str]] = {}
    for name, database in (("hand_written", hand_written), ("build", built)):
        with connect(database, read_only=True) as connection:
            answers[name] = {
                f"{table} {question}": str(
                    connection.execute(f"select {question} from {table}").fetchone()[0]
                )
                for table in TABLES
                for question in questions[table]
            }
    print(json.dumps(answers))


def fingerprint(database: str) -> None:
    """Print rows and an order-free hash of every compared table as JSON."""
    with connect(database, read_only=True) as connection:
        print(
            json.dumps(
                {
                    table: [
                        str(value)
                        for value in connection.execute(
                            f"select count(*), sum(hash({table})) from {table}"
                        ).fetchone()
                    ]
                    for table in TABLES
                }
            )
        )


def count_rows(database: str, table: str) -> None:
    """Print the rows of a table as JSON."""
    with connect(database, read_only=True) as connection:
        (rows,) = connection.execute(f"select count(*) from {table}").fetchone()
    print(json.dumps({"rows": rows}))


def rate_with_litellm(raw: str, sample_rows: str) -> None:
    """Print rows per CPU second of LiteLLM's own cost function, for calls of one known model."""
    from litellm import cost_per_token

    with connect(":memory:") as connection:
        calls = connection.execute(
            "select prompt_tokens, completion_tokens"
            f" from read_parquet('{raw}/litellm/spend_logs*.parquet')"
            f" where status = 'success' limit {int(sample_rows)}"
        ).fetchall()
    began = time.process_time()
    for prompt_tokens, completion_tokens in calls:
        cost_per_token(
            model="gpt-4o-mini", prompt_tokens=prompt_tokens, completion_tokens=completion_tokens
        )
    print(json.dumps({"rows_per_cpu_second": len(calls) / (time.process_time() - began)}))


STEPS: dict[str, Callable[..., None]] = {
    "floor": scan_floor,
    "hand_written": run_hand_written,
    "sql": cost_of_sql,
    "compare": compare_answers,
    "fingerprint": fingerprint,
    "rows": count_rows,
    "litellm": rate_with_litellm,
}


# The run ---------------------------------------------------------------------------------------


def machine() -> str:
    """Describe the machine in one line."""
    processor = platform.processor() or platform.machine()
    memory = "unknown memory"
    for path, key in (("/proc/cpuinfo", "model name"), ("/proc/meminfo", "MemTotal")):
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        value = next((line.split(":")[1].strip() for line in lines if line.startswith(key)), "")
        if key == "MemTotal" and value:
            memory = f"{int(value.split()[0]) / 1024**2:.0f} GiB"
        elif value:
            processor = value
    return (
        f"{processor}, {os.cpu_count()} cores, {memory}, {platform.system()},"
        f" Python {platform.python_version()}"
    )


def versions() -> str:
    """Name the versions that the figures depend on."""
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("duckdb", "dbt-core", "dbt-duckdb"))


def bar(
    name: str, reached: float | None, limit: float, unit: str = "", above: bool = False
) -> bool:
    """Print one bar beside what was reached and say whether it holds; None is not measured."""
    sign = ">=" if above else "<="
    if reached is None:
        print(f"  {name:<58} not measured  bar {sign} {limit:g}{unit}")
        return True
    holds = reached >= limit if above else reached <= limit
    print(
        f"  {name:<58} {reached:>9.3f}{unit}   bar {sign} {limit:g}{unit}"
        f"   {'holds' if holds else 'MISSED'}"
    )
    return holds


def line(name: str, cpu_seconds: float, rows: int, measurement: Measurement) -> None:
    """Print one measurement."""
    print(
        f"  {name:<34} {cpu_seconds:>9.2f} CPU s {measurement.wall_seconds:>9.2f} s wall"
        f" {rows / cpu_seconds / 1000:>9.0f} thousand rows per CPU s"
        f" {measurement.peak_bytes / 1024**3:>6.2f} GiB peak",
        flush=True,
    )


def deduplication_ratio(bench: Bench) -> float:
    """Mark repeated keys while a table is written, against writing the same table plainly."""
    written = f"(select * exclude (copies) from {DEDUPLICATED_RELATION})"
    key = "attempt_date, source_name, source_record_id"
    plain, marked = bench.answer(
        "sql", str(bench.database), "1",
        f"create or replace table bench_copy as from {written}",
        f"create or replace table bench_copy as with repeated as ("
        f"select {key}, count(*) as copies from {written} group by {key} having count(*) > 1)"
        f" select received.*, coalesce(repeated.copies, 1) as copies"
        f" from {written} as received left join repeated using ({key})",
    )["cpu_seconds"]  # fmt: skip
    return marked / plain


def rating_cost(bench: Bench) -> tuple[float, float]:
    """CPU seconds of rating what has been identified, and of a scan of the log's columns.

    The scan leaves documents out.

    The rated view also deduplicates and identifies; that part is measured and taken out.
    """
    used = (
        "sum(input_uncached_tokens), sum(cache_read_tokens), sum(cache_write_5m_tokens),"
        " sum(cache_write_1h_tokens), sum(output_tokens), sum(context_tokens), max(started_at),"
        " sum(strlen(provider_id)), sum(strlen(model_id)), sum(strlen(price_mode)),"
        " sum(strlen(status)), sum(strlen(usage_source))"
    )
    scan, identified, rated = bench.answer(
        "sql", str(bench.database), "3",
        floor_query(str(bench.raw), [text for text in FLOOR_TEXTS if text != "metadata"]),
        f"select {used} from {IDENTIFIED_RELATION}",
        f"select {used}, sum(list_cost_usd), sum(contracted_cost_usd) from {RATED_RELATION}",
    )["cpu_seconds"]  # fmt: skip
    return max(0.01, rated - identified), scan


def slowest_nodes(bench: Bench) -> str:
    """Name the slowest nodes of the last dbt command with their wall seconds."""
    results = json.loads((bench.work / "target" / "run_results.json").read_text(encoding="utf-8"))
    nodes = sorted(results["results"], key=lambda node: -node["execution_time"])[:5]
    return ", ".join(
        f"{node['unique_id'].split('.')[-1]} {node['execution_time']:.1f}" for node in nodes
    )


def run(arguments: argparse.Namespace) -> bool:
    """Measure everything, print the report, and return whether every bar holds."""
    rows, days = arguments.rows, arguments.days
    work = arguments.work_folder.resolve()
    if work.exists() and any(work.iterdir()):
        raise RuntimeError(f"{work} is not empty; remove it or choose another --work-folder")
    work.mkdir(parents=True, exist_ok=True)
    os.environ["BENCH_THREADS"] = str(arguments.threads)
    os.environ["BENCH_MEMORY_LIMIT"] = arguments.memory_limit
    bench = Bench(work, arguments.memory_limit, arguments.threads)
    print(f"machine: {machine()}")
    print(f"versions: {versions()}")
    print(
        f"log: {rows} rows on {days} days; {arguments.threads} threads, DuckDB limit"
        f" {arguments.memory_limit}\n",
        flush=True,
    )
    bench.copy_project()
    seeds = str(bench.project / "seeds")

    # What every command costs before the first real row. The first build also parses the project.
    tiny = bench.generate("tiny", OVERHEAD_ROWS, 1)
    bench.use(tiny)
    bench.build()
    bench.drop_database()
    build_overhead = bench.build()
    rebuild_overhead = bench.build()
    test_overhead = bench.test()
    draw_overhead, _ = bench.draw_down()
    floor_overhead = bench.step("floor", str(tiny))
    hand_overhead = bench.step("hand_written", str(tiny), seeds, str(work / "hand_tiny.duckdb"))
    bench.drop_database()
    print(
        f"overhead, subtracted below: dbt build {build_overhead.cpu_seconds:.2f} CPU s, again"
        f" {rebuild_overhead.cpu_seconds:.2f}, dbt test {test_overhead.cpu_seconds:.2f},"
        f" hand-written {hand_overhead.cpu_seconds:.2f}, scan {floor_overhead.cpu_seconds:.2f}\n",
        flush=True,
    )

    tenth_folder = bench.generate("tenth", max(OVERHEAD_ROWS, rows // 10), days)
    bench.use(tenth_folder)
    measured_tenth = bench.build()
    tenth = measured_tenth.without(build_overhead)
    bench.drop_database()

    full_folder = bench.generate("full", rows, days)
    bench.use(full_folder)
    measured_floor = bench.step("floor", str(full_folder))
    floor = measured_floor.without(floor_overhead)
    hand_database = work / "hand_written.duckdb"
    measured_hand = bench.step("hand_written", str(full_folder), seeds, str(hand_database))
    hand = measured_hand.without(hand_overhead)
    measured_build = bench.build()
    slowest = slowest_nodes(bench)
    build = measured_build.without(build_overhead)
    measured_test = bench.test()
    test = measured_test.without(test_overhead)
    print("full build")
    line("floor: one scan and sum", floor, rows, measured_floor)
    line("hand-written SQL", hand, rows, measured_hand)
    line("dbt build, without tests", build, rows, measured_build)
    print(f"  {'slowest, wall seconds':<34} {slowest}")
    line("its tests", test, rows, measured_test)
    line(f"dbt build of {max(OVERHEAD_ROWS, rows // 10)} rows", tenth, rows // 10, measured_tenth)
    measured_draw, pool_hours = bench.draw_down()
    draw = measured_draw.without(draw_overhead)
    line(f"draw-down of {pool_hours} pool hours", draw, rows, measured_draw)
    answers = bench.answer("compare", str(hand_database), str(bench.database))
    differences = [
        f"    {question}: hand-written {expected}, build {answers['build'][question]}"
        for question, expected in answers["hand_written"].items()
        if expected != answers["build"][question]
    ]
    same = not differences
    print(f"  both pipelines give the same rows and sums: {'yes' if same else 'NO'}")
    print("\n".join(differences), flush=True)
    deduplication = deduplication_ratio(bench)
    rating, scan = rating_cost(bench)
    bench.drop_database()

    one_day = draw_growth = None
    is_equal = True
    if not arguments.skip_incremental:
        last_day = arguments.history_days
        history_rows = arguments.history_rows or rows
        history = bench.generate(
            "history", history_rows, last_day, "--through-day", str(last_day - 1)
        )
        bench.use(history)
        bench.build()
        bench.generate("history", history_rows, last_day, "--only-day", str(last_day))
        measured_day = bench.build()
        slowest = slowest_nodes(bench)
        by_day = bench.answer("fingerprint", str(bench.database))
        bench.drop_database()
        measured_full = bench.build()
        at_once = bench.answer("fingerprint", str(bench.database))
        measured_long_draw, more_pool_hours = bench.draw_down()
        long_draw = measured_long_draw.without(draw_overhead)
        draw_growth = math.log(long_draw / draw) / math.log(more_pool_hours / pool_hours)
        bench.drop_database()
        is_equal = by_day == at_once
        one_day = measured_day.without(rebuild_overhead) / measured_full.without(build_overhead)
        print(f"one day on {last_day} days of {history_rows} rows")
        line("that day", measured_day.without(rebuild_overhead), history_rows // last_day,
             measured_day)  # fmt: skip
        print(f"  {'slowest, wall seconds':<34} {slowest}")
        line("all days at once", measured_full.without(build_overhead), history_rows, measured_full)
        line(f"draw-down of {more_pool_hours} pool hours", long_draw, history_rows,
             measured_long_draw)  # fmt: skip
        print(
            "  equal to the build of all days at once:"
            f" {'yes' if is_equal else f'NO: {by_day} against {at_once}'}\n"
        )

    against_litellm = None
    if importlib.util.find_spec("litellm") is None:
        print("LiteLLM is not installed: its cost function is not measured\n")
    else:
        rate = bench.answer("litellm", str(full_folder), "20000")["rows_per_cpu_second"]
        against_litellm = rows / rating / rate
        print(f"LiteLLM cost_per_token: {rate:.0f} rows per CPU s\n")

    print("bars")
    holds = [
        bar("full build against hand-written SQL", build / hand, 1.5),
        bar("full build against the scan floor", build / floor, 30),
        bar("rating step against the scan floor", (rating + scan) / scan, 4.5),
        bar("deduplication against a plain create-table-as", deduplication, 1.35),
        bar("one day against the full build", one_day and 100 * one_day, 3, " %"),
        bar(f"growth exponent {rows // 10} to {rows} rows", math.log10(build / tenth), 1.05),
        bar("growth exponent of the draw-down in pool hours", draw_growth, 1.05),
        bar("peak memory of the build", measured_build.peak_bytes / 1024**3, 4, " GiB"),
        bar(
            "rating against LiteLLM's function, rows per CPU second",
            against_litellm,
            300,
            "x",
            True,
        ),
        same,
        is_equal,
    ]
    print(f"\nrows_per_cpu_second {rows / build:.0f}")
    print(f"peak_memory_gib {measured_build.peak_bytes / 1024**3:.2f}")
    print(f"tests_vs_hand {test / hand:.2f}")
    print(f"build_vs_hand {build / hand:.2f}")
    if not arguments.keep:
        shutil.rmtree(work)
    return all(holds)


def main() -> int:
    """Read the command line and run; 1 when a bar is missed or answers differ."""
    if sys.argv[1:2] == ["--step"]:
        STEPS[sys.argv[2]](*sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description="Measure the project against its yardsticks.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the log")
    parser.add_argument("--days", type=int, default=30, help="days of the log (default 30)")
    parser.add_argument("--history-days", type=int, default=365,
                        help="days of the log for the incremental day (default 365)")  # fmt: skip
    parser.add_argument("--history-rows", type=int, default=None,
                        help="rows of that log (default: as --rows)")  # fmt: skip
    parser.add_argument("--skip-incremental", action="store_true", help="leave out the one day")
    parser.add_argument("--threads", type=int, default=2, help="threads (default 2)")
    parser.add_argument("--memory-limit", default="4GB", help="limit for DuckDB (default 4GB)")
    parser.add_argument("--work-folder", type=Path, default=Path("build/benchmark"),
                        help="empty folder to work in (default build/benchmark)")  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="keep the work folder")
    arguments = parser.parse_args()
    if arguments.rows < 10 * OVERHEAD_ROWS or arguments.history_days < 2:
        parser.error(f"--rows starts at {10 * OVERHEAD_ROWS} and --history-days at 2")
    try:
        return 0 if run(arguments) else 1
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
