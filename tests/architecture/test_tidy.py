"""Shape rules a linter does not have: kept as tests so that breaking one names the file."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_PER_FUNCTION_MAX = 50
LINES_PER_MODULE_MAX = 400
MEDIAN_LINES_MAX = 10
P90_LINES_MAX = 26
MODULES = sorted((ROOT / "src").rglob("*.py"))
CONCEPT_FILES = {
    "__init__",
    "lifecycle",
    "events",
    "errors",
    "model",
    "policy",
    "ports",
    "use_cases",
}


def name(module: Path) -> str:
    return str(module.relative_to(ROOT))


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_module_fits_in_a_sitting(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= LINES_PER_MODULE_MAX


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_functions_fit_on_a_screen(module: Path) -> None:
    too_long = [f.name for f in functions(module) if length(f) > LINES_PER_FUNCTION_MAX]

    assert too_long == []


def test_functions_are_short_as_a_rule() -> None:
    lengths = sorted(length(function) for module in MODULES for function in functions(module))

    assert statistics.median(lengths) <= MEDIAN_LINES_MAX
    assert lengths[int(len(lengths) * 0.9)] <= P90_LINES_MAX


@pytest.mark.parametrize("module", sorted((ROOT / "src/domain").rglob("*.py")), ids=name)
def test_only_use_cases_and_ports_of_the_domain_are_async(module: Path) -> None:
    allowed = module.stem in {"use_cases", "ports"} or name(module) == "src/domain/shared/work.py"

    assert allowed or not any(isinstance(f, ast.AsyncFunctionDef) for f in functions(module))


@pytest.mark.parametrize(
    "module",
    [m for m in sorted((ROOT / "src/domain").rglob("*.py")) if m.parent.name != "shared"],
    ids=name,
)
def test_knowing_one_concept_is_knowing_all(module: Path) -> None:
    assert module.stem in CONCEPT_FILES


def test_shared_is_a_closed_set() -> None:
    """A further module needs a recorded decision: work is 0003."""
    shared = {module.stem for module in (ROOT / "src/domain/shared").glob("*.py")}

    assert shared == {"__init__", "money", "errors", "clock", "ids", "work"}


@pytest.mark.parametrize("word", ["stripe", "Stripe"])
def test_the_domain_has_never_heard_of_stripe(word: str) -> None:
    said = [name(m) for m in (ROOT / "src/domain").rglob("*.py") if word in m.read_text()]

    assert said == []


def test_the_state_diagram_is_fresh() -> None:
    drawn = subprocess.run(
        [sys.executable, ROOT / "docs/state_machine.py"],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (ROOT / "docs/state-machine.md").read_text() == drawn.stdout, "run `make diagram`"
