"""What a newcomer finds in the repository: a lock that installs anywhere, a README that is true."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dbt_runs import PROJECT

# Spelled in parts, so that this file does not match itself.
REGISTRY = re.compile(
    "pypi" + r"\.org|python" + r"hosted\.org|npmjs" + r"\.(org|com)|proxy\.golang" + r"\.org"
    "|--(extra-)?index" + r"-url|https?://[^\s)\"']*/simple\b"
)
MACHINE_PATH = re.compile(r"(^|[^.A-Za-z0-9_*/])/(work|" + r"root|farm|home/\w+|Users/\w+)/")
OUTSIDE_FOLDER = "../" + "shared"

MEGABYTE = 1_000_000
ENVIRONMENT_NAME = re.compile(r"\b((?:AI_FINOPS|SNOWFLAKE)_[A-Z_]*[A-Z])\b")
ENVIRONMENT_READ = re.compile(
    r"""(?:env_var\(|environ\[|environ\.get\()\s*["']((?:AI_FINOPS|SNOWFLAKE)_[A-Z_]+)["']"""
)


def tracked_files() -> list[Path]:
    """Files that belong to the repository, also those that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git work tree")
    return [PROJECT / name for name in listed.stdout.splitlines() if (PROJECT / name).is_file()]


def text_of(path: Path) -> str:
    """A file's text; '' for binary files."""
    content = path.read_bytes()
    return "" if b"\0" in content[:8000] else content.decode(errors="replace")


def readme() -> str:
    """The README's text."""
    return (PROJECT / "README.md").read_text()


# Environment --------------------------------------------------------------------------------------


def test_the_lock_has_hashes_and_names_no_place() -> None:
    lock = (PROJECT / "requirements.lock").read_text()
    requirements = re.split(r"\n(?=\S)", lock.strip())
    assert len(requirements) > 50
    assert [text.splitlines()[0] for text in requirements if "--hash=sha256:" not in text] == []
    assert [text.splitlines()[0] for text in requirements if "==" not in text] == []
    assert not re.search(r"://|@ |--index|--find-links|file:", lock)


def test_the_lock_holds_what_is_asked_for() -> None:
    lock = (PROJECT / "requirements.lock").read_text()
    # Extras are packages of their own in the lock.
    asked = [
        re.sub(r"\[.*\]", "", line.strip())
        for line in (PROJECT / "requirements.in").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert [
        line for line in asked if not re.search(rf"^{re.escape(line)}\b", lock, re.MULTILINE)
    ] == []
    assert "experimental-parser" not in lock


@pytest.fixture
def bare_project(tmp_path: Path) -> Path:
    """The Makefile and a lock in an empty folder, with an interpreter that only notes its calls."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").write_text("first\n")
    interpreter = tmp_path / "interpreter"
    interpreter.write_text(
        '#!/bin/sh\necho "$@" >> calls\n'
        'if [ "$2" = venv ]; then mkdir -p .venv/bin; cp interpreter .venv/bin/python; fi\n'
    )
    interpreter.chmod(0o755)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs make in a folder."""
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_environment_is_made_again_only_when_the_lock_changes(bare_project: Path) -> None:
    calls = bare_project / "calls"
    for expected_installs, lock in [(1, "first\n"), (1, "first\n"), (2, "second\n")]:
        (bare_project / "requirements.lock").write_text(lock)
        done = make(bare_project, "PYTHON=./interpreter", "venv")
        assert done.returncode == 0, done.stderr
        assert calls.read_text().count("pip install") == expected_installs
    assert "--no-deps --require-hashes -r requirements.lock" in calls.read_text()


def test_a_missing_python_is_said(bare_project: Path) -> None:
    done = make(bare_project, "PYTHON=python-of-nobody", "venv")
    assert done.returncode != 0
    assert "Python 3.11 is needed" in done.stderr
    assert not (bare_project / ".venv").exists()


def test_make_alone_lists_the_commands(bare_project: Path) -> None:
    listed = make(bare_project).stdout
    for command in ("demo", "test", "lint", "publish", "clean", "lock"):
        assert re.search(rf"make {command} +\w", listed), command


# Content ------------------------------------------------------------------------------------------


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    wrong = [
        f"{path.relative_to(PROJECT)}:{number}: {line.strip()[:120]}"
        for path in tracked_files()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if REGISTRY.search(line) or MACHINE_PATH.search(line)
    ]
    assert wrong == []


def test_only_continuous_integration_looks_outside_the_repository() -> None:
    found = {
        str(path.relative_to(PROJECT))
        for path in tracked_files()
        if OUTSIDE_FOLDER in text_of(path)
    }
    assert found <= {".ci/run"}


def test_files_are_small_enough_to_clone() -> None:
    sizes = {path: path.stat().st_size for path in tracked_files()}
    sample = sum(size for path, size in sizes.items() if "sample_data" in path.parts)
    too_large = [str(path) for path, size in sizes.items() if size > 5 * MEGABYTE]
    assert 0 < sample < 5 * MEGABYTE
    assert too_large == []


def test_nothing_built_is_tracked() -> None:
    built = re.compile(r"^(target|logs|published|\.venv|dbt_packages)/|\.duckdb(\.wal)?$|\.pyc$")
    names = [str(path.relative_to(PROJECT)) for path in tracked_files()]
    assert [name for name in names if built.search(name)] == []


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("LICENSE", "Apache License"),
        ("CONTRIBUTING.md", "make test"),
        ("CHANGELOG.md", "| model | change | old | new | breaking |"),
        ("DECISIONS.md", "How to override"),
        ("README.md", "make demo"),
        ("models/_overview.md", "{% docs __overview__ %}"),
    ],
)
def test_the_usual_pages_are_there(name: str, holds: str) -> None:
    assert holds in (PROJECT / name).read_text()


def test_every_decision_is_complete() -> None:
    decisions = re.split(r"^## ", (PROJECT / "DECISIONS.md").read_text(), flags=re.MULTILINE)[1:]
    parts = ("**Choice.**", "**Refused.**", "**Affects.**", "**How to override.**")
    wrong = [text.splitlines()[0] for text in decisions if not all(part in text for part in parts)]
    assert len(decisions) > 10
    assert wrong == []


def test_models_point_to_decisions_that_exist() -> None:
    headings = re.findall(r"^## (.+)$", (PROJECT / "DECISIONS.md").read_text(), re.MULTILINE)
    wrong = [
        f"{path.name}: {heading}"
        for folder in ("models", "macros", "tests")
        for path in (PROJECT / folder).rglob("*.sql")
        for heading in re.findall(r'DECISIONS\.md[:,]? "([^"]+)"', path.read_text())
        if heading not in headings
    ]
    assert wrong == []


# README -------------------------------------------------------------------------------------------


def test_readme_documents_every_var() -> None:
    declared = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    analyses = {
        name
        for path in (PROJECT / "analyses").rglob("*.sql")
        for name in re.findall(r"\bvar\('(\w+)'", path.read_text())
    }
    assert [name for name in {*declared, *analyses} if f"`{name}`" not in readme()] == []


def test_readme_documents_every_environment_variable() -> None:
    used = {
        name
        for path in tracked_files()
        if path.suffix in (".yml", ".sql", ".py")
        for name in ENVIRONMENT_READ.findall(text_of(path))
    }
    documented = set(ENVIRONMENT_NAME.findall(readme()))
    assert "AI_FINOPS_RAW_PATH" in used
    assert used - documented == set()
    assert documented - used == set()


def test_readme_lists_every_mart() -> None:
    marts = {path.stem for path in (PROJECT / "models" / "marts").rglob("*.sql")}
    assert [mart for mart in sorted(marts) if f"`{mart}`" not in readme()] == []


def test_commands_of_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    pages = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "DECISIONS.md")]
    pages += (PROJECT / "docs").glob("*.md") if (PROJECT / "docs").is_dir() else []
    named = {
        command
        for page in pages
        for command in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert named - targets == set()


def test_links_of_the_pages_lead_somewhere() -> None:
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    wrong = [
        f"{page.relative_to(PROJECT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
        if not link.startswith(("http://", "https://", "mailto:"))
        and not (page.parent / link).exists()
    ]
    assert wrong == []


def test_readme_states_the_sixth_cost_dimension() -> None:
    assert "sixth" in readme()
    assert "`platform_operations`" in readme()


def test_the_hooks_of_a_commit_run_tools_that_the_lock_installs() -> None:
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    tools = {hook["id"]: re.findall(r"\.venv/bin/(\S+)", hook["entry"]) for hook in hooks}
    assert tools == {"ruff": ["ruff"], "sqlfluff": ["sqlfluff"], "dbt-parse": ["dbt"]}
    for hook in hooks:
        assert hook["language"] == "system"
    bin_folder = Path(sys.executable).parent
    assert [name for (name,) in tools.values() if not (bin_folder / name).exists()] == []
    (sql,) = (re.compile(hook["files"]) for hook in hooks if hook["id"] == "sqlfluff")
    linted = [path.relative_to(PROJECT).as_posix() for path in (PROJECT / "models").rglob("*.sql")]
    assert linted
    assert all(sql.search(name) for name in linted)
