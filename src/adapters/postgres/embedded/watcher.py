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

LEAVE_AFTER_S = 90.0
STOP_TIMEOUT_S = 30


class Lock:
    """A lock file opened once: a deleted and remade data directory is another watcher's."""

    def __init__(self, path: str) -> None:
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


def watch(start: Lock, attached: Lock, server: Lock, stop: list[str], grace_s: float) -> None:
    """Return when the server is stopped, or gone, with nobody attached.

    The end is decided, and carried out, with the start lock held: a process which attaches now
    waits for that lock, then finds neither server nor watcher and starts both anew.
    """
    last_seen = time.monotonic()
    while True:
        time.sleep(min(0.5, grace_s / 2))
        if not attached.is_free():
            last_seen = time.monotonic()
        elif (time.monotonic() - last_seen >= grace_s or server.is_free()) and start.take():
            if attached.take():
                stop_server(server, stop)
                return
            start.give_back()


def stop_server(server: Lock, stop: list[str]) -> None:
    """Stop politely, then firmly, and wait until the last of its processes is gone.

    Nothing is signalled once the server's lock is free: the pid in its file may be another's. A
    server whose cluster was deleted has no such file, and notices by itself within a minute.
    """
    cluster, pg_ctl, uid, gid = stop
    socket_folder = _socket_folder(cluster)
    for mode in ("fast", "immediate"):
        if not server.is_free():
            _pg_ctl_stop(pg_ctl, cluster, mode, int(uid), int(gid))
    give_up = time.monotonic() + LEAVE_AFTER_S
    while not server.is_free() and time.monotonic() < give_up:
        time.sleep(0.02)
    _remove_empty(socket_folder)


def _pg_ctl_stop(pg_ctl: str, cluster: str, mode: str, uid: int, gid: int) -> None:
    """As the server's own user: as root we might signal anything that file names."""
    import subprocess  # only now, and typing too: they are more than the watcher itself
    from typing import Any

    other: dict[str, Any] = {"user": uid, "group": gid, "extra_groups": []}
    subprocess.run(  # noqa: S603  the wheel's program, arguments of ours
        [pg_ctl, "stop", "-s", "-D", cluster, "-m", mode, "-t", str(STOP_TIMEOUT_S)],
        check=False,
        stdin=subprocess.DEVNULL,
        cwd="/",
        **(other if uid != os.geteuid() else {}),
    )


def _socket_folder(cluster: str) -> str:
    """As our own record has it: what the server's user writes is not for us to delete by."""
    try:
        with open(f"{os.path.dirname(cluster)}/socket", encoding="utf-8") as file:  # noqa: PTH120,PTH123  pathlib is memory
            return file.read().splitlines()[1]
    except (OSError, IndexError):
        return ""


def _remove_empty(folder: str) -> None:
    try:
        os.rmdir(folder)  # noqa: PTH106  pathlib is memory
    except OSError:
        return


def main(arguments: list[str]) -> None:
    start, attached, server, cluster, pg_ctl, uid, gid, grace_s = arguments
    stop = [cluster, pg_ctl, uid, gid]
    watch(Lock(start), Lock(attached), Lock(server), stop, float(grace_s))


if __name__ == "__main__":
    main(sys.argv[1:])
