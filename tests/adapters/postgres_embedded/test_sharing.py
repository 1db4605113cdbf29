"""Several processes, one server: it starts once, and stops when the last of them is gone."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg

from adapters.postgres.embedded import Attachment, attach, embedded_postgres, locks
from adapters.postgres.embedded.site import Site
from adapters.postgres.embedded.sockets import current_socket_folder
from tests.adapters.postgres_embedded.conftest import site_of
from tests.adapters.postgres_embedded.stage import (
    GRACE_S,
    Actor,
    eventually,
    is_gone,
    postmaster,
    postmasters,
    watcher,
    watchers,
)

Act = Callable[..., Actor]


async def ask(dsn: str, question: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_the_database_is_ready_for_use(running: Attachment) -> None:
    connection = await asyncpg.connect(running.dsn)
    row = await connection.fetchrow(
        """
            SELECT current_database() AS database, current_setting('server_encoding') AS encoding,
                   current_setting('data_checksums') AS checksums, current_setting('fsync') AS fsync,
                   current_setting('synchronous_commit') AS synchronous_commit,
                   current_setting('TimeZone') AS timezone,
                   current_setting('listen_addresses') AS listen_addresses,
                   current_setting('unix_socket_permissions') AS socket_permissions,
                   current_setting('server_version_num')::int / 10000 AS major,
                   (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
                   'ä' < 'b' AS sorts_as_a_dictionary, upper('é') AS upper
            """
    )
    await connection.close()

    assert dict(row) == {
        "database": "counterfoil",
        "encoding": "UTF8",
        "checksums": "on",
        "fsync": "on",
        "synchronous_commit": "on",
        "timezone": "UTC",
        "listen_addresses": "",
        "socket_permissions": "0700",
        "major": 18,
        "is_superuser": False,
        "sorts_as_a_dictionary": False,
        "upper": "É",
    }


def test_processes_which_start_at_once_share_one_server(new_data_dir: Path, act: Act) -> None:
    actors = [act(new_data_dir) for _ in range(6)]
    site = site_of(new_data_dir)

    assert len({actor.dsn for actor in actors}) == 1
    assert len(postmasters(site)) == 1
    assert len(watchers(site)) == 1


async def test_what_is_stored_is_there_after_a_stop_and_the_second_start_is_fast(
    data_dir: Path, site: Site
) -> None:
    async with embedded_postgres(data_dir, grace_s=GRACE_S) as dsn:
        await ask(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    eventually(lambda: is_gone(site))

    began = time.monotonic()
    async with embedded_postgres(data_dir, grace_s=GRACE_S) as dsn:
        took_s = time.monotonic() - began
        kept = await ask(dsn, "SELECT answer FROM kept")

    assert kept == 42
    assert took_s < 5  # a fraction of a second, but the machine may be busy


def test_the_server_stops_when_the_last_process_was_killed_whatever_children_it_left(
    data_dir: Path, site: Site, act: Act
) -> None:
    first, second = act(data_dir), act(data_dir)
    assert first.dsn == second.dsn
    sockets = current_socket_folder(site.home, site.user)

    first.kill()
    time.sleep(2 * GRACE_S)
    assert len(postmasters(site)) == 1, "somebody is still attached"
    second.kill()

    assert eventually(lambda: is_gone(site)) >= GRACE_S / 2
    assert not sockets.exists()
    for actor in (first, second):
        os.kill(int(str(actor.said["child"])), 0)  # a signal to a dead one would raise


def test_server_and_watcher_hold_no_lock_but_their_own(running: Attachment) -> None:
    site = running.site

    assert locks_held_by(postmaster(site).pid, site) == {"server.lock"}
    watched = {"watcher.lock", "start.lock", "attached.lock", "server.lock"}
    assert locks_held_by(watcher(site).pid, site) == watched  # opened, to try them


def locks_held_by(pid: int, site: Site) -> set[str]:
    names = (str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir())
    return {
        Path(name).name for name in names if name.startswith(str(site.home)) and ".lock" in name
    }


def test_a_process_which_attaches_while_the_server_stops_gets_a_new_one(
    data_dir: Path, site: Site, act: Act
) -> None:
    act(data_dir, grace_s=0.2).leave()
    old = postmaster(site).pid
    os.kill(old, signal.SIGSTOP)  # it cannot stop for now
    eventually(lambda: locks.is_held(site.start_lock))

    attached: list[Attachment] = []
    waiting = threading.Thread(target=lambda: attached.append(attach(data_dir, grace_s=GRACE_S)))
    waiting.start()
    time.sleep(0.4)
    assert attached == []
    os.kill(old, signal.SIGCONT)
    waiting.join(timeout=20)

    assert attached
    assert postmaster(site).pid != old
    attached[0].close()
