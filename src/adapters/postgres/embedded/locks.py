"""File locks, which the kernel releases whatever way their holder dies.

All are flock(2): they belong to an open file, so a child process which inherits the open file
holds the lock as well, and keeps it when we are gone. Python opens files as not inheritable, so
that only happens where `pass_fds` asks for it. A process which forks without exec (say, with
multiprocessing) shares our locks until it ends: it shares our connections' server, too.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from adapters.postgres.embedded.errors import EmbeddedPostgresError

POLL_S: Final = 0.02


@contextmanager
def exclusive(path: Path, *, deadline: float) -> Iterator[int]:
    """Hold *path* alone; raises EmbeddedPostgresError when *deadline* (monotonic) passes first."""
    fd = _acquire(path, fcntl.LOCK_EX, deadline)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def exclusive_if_free(path: Path) -> Iterator[int | None]:
    """The descriptor which holds *path* alone, or None when somebody else has it.

    Leaving closes our descriptor and does not unlock: a child given the descriptor goes on
    holding the lock.
    """
    fd = _open(path)
    try:
        yield fd if _try(fd, fcntl.LOCK_EX) else None
    finally:
        os.close(fd)


def shared(path: Path, *, deadline: float) -> int:
    """A descriptor which shares *path* until it is closed."""
    return _acquire(path, fcntl.LOCK_SH, deadline)


def is_held(path: Path) -> bool:
    """Whether some process holds *path* alone. Asks with a shared lock, so askers never meet."""
    fd = _open(path)
    try:
        return not _try(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _try(fd: int, kind: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
        return True
    return False


def _acquire(path: Path, kind: int, deadline: float) -> int:
    fd = _open(path)
    while not _try(fd, kind):
        if time.monotonic() > deadline:
            os.close(fd)
            raise EmbeddedPostgresError(
                f"Waited too long for {path}: another process is starting or stopping the server."
            )
        time.sleep(POLL_S)
    return fd
