"""The running server and its watcher: started when absent, otherwise left alone."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import structlog

from adapters.postgres.embedded import detach, locks, watcher
from adapters.postgres.embedded.cluster import (
    CLEAN_ENVIRONMENT,
    DATABASE,
    ROLE,
    ensure_cluster,
    server_command,
    write_access_rules,
)
from adapters.postgres.embedded.errors import EmbeddedPostgresError
from adapters.postgres.embedded.folders import read_file
from adapters.postgres.embedded.site import Site
from adapters.postgres.embedded.sockets import (
    PORT,
    SOCKET_NAME,
    current_socket_folder,
    socket_folder,
)
from adapters.postgres.embedded.users import ServerUser

log = structlog.get_logger()

LOG_LINES_SHOWN: Final = 15
# In postmaster.pid: the line which says how far the server is, as pg_ctl reads it.
STATUS_LINE: Final = 7


def ensure_server(site: Site, *, deadline: float) -> str:
    """The DSN of the ready server, started when no process of one lives.

    The caller holds the start lock. A server which is not ready is waited for: it may be starting
    by the hand of a process which has died since, or be the last children of a killed one.
    """
    began, started = time.monotonic(), False
    while not _is_ready(site):
        with locks.exclusive_if_free(site.server_lock) as fd:
            if fd is not None and started:
                raise EmbeddedPostgresError(f"The server did not start:\n{_log_tail(site)}")
            if fd is not None:
                ensure_cluster(site, fd, deadline=deadline)
                _start(site, fd)
                started = True
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"The server took too long to start:\n{_log_tail(site)}")
        time.sleep(locks.POLL_S)
    if started:
        log.info("embedded_server.started", home=str(site.home), took_s=time.monotonic() - began)
    return dsn_of(current_socket_folder(site.home, site.user))


def ensure_watcher(site: Site, *, grace_s: float) -> None:
    """Have a watcher; the caller holds the start lock."""
    with locks.exclusive_if_free(site.watcher_lock) as fd:
        if fd is None:
            return
        command = [sys.executable, "-I", "-S", watcher.__file__, str(site.start_lock)]
        command += [str(site.attached_lock), *stop_arguments(site), str(grace_s)]
        _spawn(site, ServerUser(os.geteuid(), os.getegid()), command, lock_fd=fd)


def stop_arguments(site: Site) -> list[str]:
    """What `watcher.Server` needs to know."""
    pg_ctl = site.binaries.path("pg_ctl")
    ids = (str(site.user.uid), str(site.user.gid))
    return [str(site.server_lock), str(site.cluster), str(pg_ctl), *ids]


def is_alive(site: Site) -> bool:
    """Whether both a server and its watcher live. Cheap enough to ask every second."""
    return locks.is_held(site.server_lock) and locks.is_held(site.watcher_lock)


def dsn_of(folder: Path) -> str:
    """Complete, so that no PGPORT or PGSSLMODE of the environment has a say."""
    host = quote(str(folder), safe="")
    return f"postgresql://{ROLE}@/{DATABASE}?host={host}&port={PORT}&sslmode=disable"


def _start(site: Site, lock_fd: int) -> None:
    """Start the postmaster; it and its children inherit the lock.

    Holding the lock we know that nothing of an earlier server lives, so its pid file is stale,
    whoever has that pid today: PostgreSQL itself would refuse when it is any process of the same
    user.
    """
    (site.cluster / "postmaster.pid").unlink(missing_ok=True)
    write_access_rules(site)
    command = server_command(site, socket_folder(site.home, site.user))
    with suppress(FileNotFoundError):
        site.log.replace(site.log.with_suffix(".log.1"))
    _spawn(site, site.user, command, lock_fd=lock_fd)


def _spawn(site: Site, user: ServerUser, command: Sequence[str], *, lock_fd: int) -> None:
    detached = [sys.executable, "-I", "-S", detach.__file__, str(user.uid), str(user.gid)]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    log_fd = os.open(site.log, flags, 0o600)
    try:
        subprocess.run(  # noqa: S603  our own script and the wheel's program
            [*detached, *command],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log_fd,
            stderr=log_fd,
            pass_fds=(lock_fd,),
            cwd="/",
            env=CLEAN_ENVIRONMENT,
        )
    except subprocess.CalledProcessError as error:
        raise EmbeddedPostgresError(
            f"Could not start a process of our own:\n{_log_tail(site)}"
        ) from error
    finally:
        os.close(log_fd)


def _is_ready(site: Site) -> bool:
    """The pid file says so and somebody answers: a killed server leaves the file behind."""
    if not locks.is_held(site.server_lock):
        return False
    lines = read_file(site.cluster / "postmaster.pid").splitlines()
    if len(lines) <= STATUS_LINE or lines[STATUS_LINE].strip() != "ready":
        return False
    return _answers(current_socket_folder(site.home, site.user) / SOCKET_NAME)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


def _log_tail(site: Site) -> str:
    if not site.log.exists():
        return "(no log)"
    lines = site.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES_SHOWN:])
