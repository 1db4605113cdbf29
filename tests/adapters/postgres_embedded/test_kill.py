"""kill -9 of anything: the others' database goes on, and nothing is left running at the end."""

import asyncio
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.embedded import Attachment, locks
from adapters.postgres.embedded.site import Site
from adapters.postgres.embedded.sockets import current_socket_folder
from tests.adapters.postgres_embedded.conftest import site_of
from tests.adapters.postgres_embedded.stage import (
    Actor,
    eventually,
    is_gone,
    kill,
    postmaster,
    postmasters,
    watcher,
    watchers,
)

Act = Callable[..., Actor]


async def test_killing_the_process_which_started_the_server_does_not_disturb_the_others(
    data_dir: Path, site: Site, act: Act
) -> None:
    starter = act(data_dir)
    other = act(data_dir, grace_s=5) if starter.dsn else starter
    connection = await asyncpg.connect(other.dsn)

    starter.kill()

    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    assert len(postmasters(site)) == 1


async def test_ctrl_c_at_the_terminal_does_not_reach_the_server(
    data_dir: Path, site: Site, act: Act
) -> None:
    starter = act(data_dir)
    connection = await asyncpg.connect(starter.dsn)

    starter.interrupt_terminal()

    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    sessions = {postmaster(site).session, watcher(site).session, starter.process.pid}
    assert len(sessions) == 3


async def test_a_killed_watcher_is_replaced_and_the_server_does_not_notice(
    data_dir: Path, site: Site, act: Act
) -> None:
    actor = act(data_dir)
    connection = await asyncpg.connect(actor.dsn)
    killed = watcher(site).pid

    kill(killed)

    eventually(lambda: [found.pid for found in watchers(site)] not in ([], [killed]))
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    actor.leave()
    eventually(lambda: is_gone(site))


def test_a_server_whose_watcher_was_killed_just_before_the_last_process_left_stops_too(
    data_dir: Path, site: Site, act: Act
) -> None:
    actor = act(data_dir)
    assert actor.dsn

    kill(watcher(site).pid)
    eventually(lambda: not locks.is_held(site.watcher_lock))
    actor.leave()

    eventually(lambda: is_gone(site))


async def test_a_killed_server_is_started_again_at_the_same_address_for_those_attached(
    data_dir: Path, site: Site, act: Act
) -> None:
    actors = [act(data_dir), act(data_dir)]
    dsn = actors[0].dsn
    assert dsn == actors[1].dsn
    await stored(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    killed = postmaster(site).pid

    kill(killed)

    eventually(lambda: [found.pid for found in postmasters(site)] not in ([], [killed]))
    assert await answer_once_ready(dsn) == 42
    assert len(postmasters(site)) == 1


async def answer_once_ready(dsn: str) -> object:
    """As a pool does it, by trying again."""
    async with asyncio.timeout(10):
        while True:
            with suppress(OSError, asyncpg.CannotConnectNowError):
                return await answer_of(dsn)
            await asyncio.sleep(0.05)


async def stored(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


async def answer_of(dsn: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval("SELECT answer FROM kept")
    finally:
        await connection.close()


@pytest.fixture
def bystander(site: Site) -> Iterator[int]:
    """Any process of the user whom the server runs as."""
    us = {} if not site.user.is_another else {"user": site.user.uid}
    process = subprocess.Popen(["/bin/sleep", "60"], **us)
    yield process.pid
    process.kill()
    process.wait()


async def test_a_stale_pid_file_whose_pid_is_another_process_today_is_survived(
    data_dir: Path, site: Site, act: Act, bystander: int
) -> None:
    first = act(data_dir)
    await stored(first.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    kill_everything(first, site)
    pid_file = site.cluster / "postmaster.pid"
    _, *rest = pid_file.read_text().splitlines(keepends=True)
    pid_file.write_text("".join([f"{bystander}\n", *rest]))

    second = act(data_dir)

    assert await answer_of(second.dsn) == 42
    os.kill(bystander, 0)  # it lives: a signal to a dead one would raise


async def test_a_machine_which_lost_power_and_its_socket_folders_starts_again(
    data_dir: Path, site: Site, act: Act
) -> None:
    first = act(data_dir)
    await stored(first.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    folder = current_socket_folder(site.home, site.user)
    kill_everything(first, site)
    for leftover in folder.iterdir():
        leftover.unlink()
    folder.rmdir()

    second = act(data_dir)

    assert second.dsn == first.dsn
    assert await answer_of(second.dsn) == 42


def kill_everything(actor: Actor, site: Site) -> None:
    kill(watcher(site).pid)
    kill(postmaster(site).pid)
    actor.kill()
    eventually(lambda: is_gone(site))


@pytest.mark.parametrize("sign", ["cluster.draft/base/1", "server.log"])
async def test_a_process_killed_during_the_first_start_leaves_nothing_half_made(
    new_data_dir: Path, act: Act, sign: str
) -> None:
    site = site_of(new_data_dir)
    first = act(new_data_dir)
    eventually((site.home / sign).exists)
    first.kill()

    second = act(new_data_dir)

    connection = await asyncpg.connect(second.dsn)
    assert await connection.fetchval("SELECT current_database()") == "counterfoil"
    await connection.close()
    assert len(postmasters(site)) == 1


def test_the_server_runs_as_us_or_for_root_as_a_user_without_rights(running: Attachment) -> None:
    uid = Path(f"/proc/{postmaster(running.site).pid}").stat().st_uid

    assert uid == (os.geteuid() or pwd.getpwnam("nobody").pw_uid)
