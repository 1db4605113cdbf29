"""The command line speaks plainly, and starts nothing when it should not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from entrypoints.cli.commands import main


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERFOIL_DATA_DIR", str(tmp_path / "data"))
    handlers = logging.getLogger().handlers[:]
    yield
    # Commands set up logging for the process; what they log to is closed after the test.
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


COMMANDS = ["run", "api", "background", "sandbox", "migrate", "check", "token", "offers", "refund"]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"    {name}" in said for name in [*COMMANDS, "clock"])


def test_check_says_what_would_run_and_starts_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["check"]) == 0

    said = capsys.readouterr().out
    assert "mode sandbox" in said
    assert "thumbnail" in said
    assert list(tmp_path.iterdir()) == []


def test_wrong_settings_are_all_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFOIL_PORT", "x")
    monkeypatch.setenv("COUNTERFOIL_SECRET", "canary")

    assert main(["api"]) == 2

    said = capsys.readouterr().err
    assert "COUNTERFOIL_PORT" in said
    assert "COUNTERFOIL_SECRET" in said
    assert "canary" not in said


def test_wrong_offers_are_all_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text("[a]\nname = 1\n[B]\nname = 'B'\n")
    monkeypatch.setenv("COUNTERFOIL_OFFERS", str(tmp_path / "mine.toml"))

    assert main(["check"]) == 1

    said = capsys.readouterr().err
    assert "[a]" in said
    assert "[B]" in said


def test_an_open_offer_that_is_not_sold_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFOIL_OPEN_OFFER", "nothing")

    assert main(["check"]) == 1

    assert "COUNTERFOIL_OPEN_OFFER" in capsys.readouterr().err


def test_a_token_is_printed_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--sub", "me", "--role", "worker"]) == 0

    said = capsys.readouterr().out
    assert len(said.split(".")) == 3
    assert said.count("\n") == 1


def test_a_duration_nobody_understands_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["clock", "advance", "soon"])

    assert "write 90s, 30m, 6h or 3d" in capsys.readouterr().err
