"""Each import contract is shown to catch what it forbids: a contract nothing can break is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# fmt: off
VIOLATIONS = [
    # contract                                  the file that is spoilt              by this line
    ("1. Dependencies point inward",            "domain/jobs/model.py",              "import adapters.system.ids"),
    ("2. The domain is pure",                   "domain/payments/policy.py",         "import time"),
    ("2. The domain is pure",                   "domain/offers/model.py",            "import asyncio"),
    ("3. Inside a concept",                     "domain/refunds/lifecycle.py",       "import domain.refunds.use_cases"),
    ("3. Inside a concept",                     "domain/jobs/model.py",              "import domain.jobs.policy"),
    ("4. Concepts lean on older concepts",      "domain/jobs/events.py",             "import domain.payments.events"),
    ("4. Concepts lean on older concepts",      "domain/shared/money.py",            "import domain.audit.model"),
    ("5. Adapters do not know each other",      "adapters/stripe/gateway.py",        "import adapters.postgres.pool"),
    ("6. Handlers, background and command line", "entrypoints/http/jobs.py",         "import adapters.postgres.pool"),
    ("6. Handlers, background and command line", "entrypoints/background/loop.py",   "import asyncpg"),
    ("7. The Stripe sandbox shares no code",    "entrypoints/stripe_sandbox/app.py", "import domain.shared.money"),
    ("7. The Stripe sandbox shares no code",    "entrypoints/stripe_sandbox/app.py", "import stripe"),
]
# fmt: on


def lint(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [linter, "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=folder,
        env={"PYTHONPATH": str(source), "COLUMNS": "200", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_house_keeps_every_contract(tmp_path: Path) -> None:
    result = lint(ROOT / "src", tmp_path)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("contract", "spoilt", "line"), VIOLATIONS)
def test_a_planted_violation_is_caught(
    contract: str, spoilt: str, line: str, tmp_path: Path
) -> None:
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    module = source / spoilt
    module.write_text(f"{module.read_text()}\n{line}\n")

    result = lint(source, tmp_path)

    broken = [text for text in result.stdout.splitlines() if text.strip().endswith("BROKEN")]
    assert result.returncode == 1, result.stdout + result.stderr
    assert any(text.strip().startswith(contract) for text in broken), result.stdout
