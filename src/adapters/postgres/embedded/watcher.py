"""Stops the server when nobody has been attached for a while.

Run by path and detached, with the standard library only, and little of it, because it stays:
`watcher.py START_LOCK ATTACHED_LOCK SERVER_LOCK CLUSTER PG_CTL UID GID GRACE_S`. It inherits the
watcher's lock, which tells others that it lives. It never restarts anything: attached processes
look after that, and after the watcher.
"""

import fcntl
import os
import sys
import time

STOP_TIMEOUT_S = 30.0
# A server whose folder was deleted before we knew its pid notices by itself within a minute.
LAST_TIMEOUT_S = 90.0


class Lock:
    """A lock file opened once: in a deleted and remade folder the same path is another's lock."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def give_back(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def is_free(self) -> bool:
        free = self.take()
        if free:
            self.give_back()
        return free

    def becomes_free(self, within_s: float) -> bool:
        give_up = time.monotonic() + within_s
        while not self.is_free() and time.monotonic() < give_up:
            time.sleep(0.02)
        return self.is_free()

    def is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(self._path))  # noqa: PTH116  pathlib is memory
        except OSError:
            return False


class Server:
    """How to stop the server, known also when its folder is deleted or remade meanwhile."""

    def __init__(self, lock: str, cluster: str, pg_ctl: str, uid: str, gid: str) -> None:
        self.lock = Lock(lock)
        self._cluster, self._pg_ctl = cluster, pg_ctl
        self._uid, self._gid = int(uid), int(gid)
        self._pid = self._socket_folder = ""

    def remember(self) -> None:
        """Look at the files while they are this server's. The pid changes when it is restarted."""
        if self.lock.is_in_place():
            home = os.path.dirname(self._cluster)  # noqa: PTH120  pathlib is memory
            self._pid = _line(f"{self._cluster}/postmaster.pid", 0) or self._pid
            self._socket_folder = _line(f"{home}/socket", 1) or self._socket_folder

    def stop(self) -> None:
        """Stop politely, then firmly, until the last process of the server is gone.

        The signals are those of `pg_ctl stop` in its modes fast and immediate. None is sent once
        the lock is free: the pid may be another process by now.
        """
        self.remember()
        for signal in ("INT", "QUIT"):
            if self._pid and not self.lock.is_free():
                self._send(signal)
                self.lock.becomes_free(STOP_TIMEOUT_S)
        if self.lock.becomes_free(LAST_TIMEOUT_S) and self._socket_folder:
            _remove_sockets(self._socket_folder)

    def _send(self, signal: str) -> None:
        """As the server's own user: he writes the pid file, and as root we might hit anything."""
        import subprocess  # only now, and typing too: they are more than the watcher itself
        from typing import Any

        other: dict[str, Any] = {"user": self._uid, "group": self._gid, "extra_groups": []}
        subprocess.run(  # noqa: S603  the wheel's program, arguments of ours
            [self._pg_ctl, "kill", signal, self._pid],
            check=False,
            stdin=subprocess.DEVNULL,
            cwd="/",
            **(other if self._uid != os.geteuid() else {}),
        )


def watch(start: Lock, attached: Lock, server: Server, grace_s: float) -> None:
    """Return when the server is stopped, or gone, with nobody attached.

    The end is decided, and carried out, with the start lock held: a process which attaches now
    waits for that lock, then finds neither server nor watcher and starts both anew.
    """
    last_seen = time.monotonic()
    while True:
        server.remember()
        time.sleep(min(0.5, grace_s / 2))
        if not attached.is_free():
            last_seen = time.monotonic()
        elif (time.monotonic() - last_seen >= grace_s or server.lock.is_free()) and start.take():
            if attached.take():
                server.stop()
                return
            start.give_back()


def _line(path: str, number: int) -> str:
    try:
        with open(path, errors="surrogateescape", encoding="utf-8") as file:  # noqa: PTH123  pathlib is memory
            return file.read().splitlines()[number]
    except (OSError, IndexError):
        return ""


def _remove_sockets(folder: str) -> None:
    """A killed server left its socket behind. Nothing but sockets is deleted."""
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock", ""):
        path = os.path.join(folder, name)  # noqa: PTH118  pathlib is memory
        try:
            os.unlink(path) if name else os.rmdir(path)  # noqa: PTH106,PTH108  as above
        except OSError:
            continue


def main(arguments: list[str]) -> None:
    start, attached, *server, grace_s = arguments
    watch(Lock(start), Lock(attached), Server(*server), float(grace_s))


if __name__ == "__main__":
    main(sys.argv[1:])
