"""The folder of the server's socket: short, private, and the same again after a restart.

A socket's whole path is limited to 107 bytes (103 on macOS) and data directories may be deeper,
so the folder has a random name under one of a few short parents. The choice is kept in the home,
so that every process agrees whatever its TMPDIR, and so that a restarted server is found where
the running pools look for it. XDG_RUNTIME_DIR comes last: it is deleted when the user logs out,
which a server started with nohup outlives.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from adapters.postgres.embedded.errors import EmbeddedPostgresError
from adapters.postgres.embedded.folders import (
    PRIVATE_MODE,
    is_private,
    is_safe_parent,
    make_folder,
    read_file,
    write_file,
)
from adapters.postgres.embedded.users import ServerUser

PORT: Final = 5432
SOCKET_NAME: Final = f".s.PGSQL.{PORT}"
PATH_LIMIT_BYTES: Final = 103


def socket_folder(home: Path, user: ServerUser) -> Path:
    """The private folder for the socket of the server of *home*, made when absent."""
    record = home / "socket"
    chosen = _recorded(record, home)
    if chosen is None or not _made(chosen, user):
        chosen = _new_folder(user)
        write_file(record, f"{home.stat().st_ino}\n{chosen}\n")
    for leftover in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
        (chosen / leftover).unlink(missing_ok=True)
    return chosen


def current_socket_folder(home: Path, user: ServerUser) -> Path:
    """The folder of the server which runs now; raises when it is not here, or not private."""
    folder = Path(read_file(home / "socket").strip().partition("\n")[2])
    if not is_private(folder, uid=user.uid):
        raise EmbeddedPostgresError(
            f"The server of {home} runs, and its socket folder {folder} was deleted or is not "
            "visible from here. Stop every process which uses it, then start again."
        )
    return folder


def _recorded(record: Path, home: Path) -> Path | None:
    """The folder chosen earlier, unless *home* is a copy: then it is the original's."""
    inode, _, folder = read_file(record).strip().partition("\n")
    return Path(folder) if folder and inode == str(home.stat().st_ino) else None


def _made(folder: Path, user: ServerUser) -> bool:
    """Whether *folder* is there and private, also when we had to make it again (/tmp is swept)."""
    with suppress(OSError):
        make_folder(folder, mode=PRIVATE_MODE)
        _hand_over(folder, user)
    return is_private(folder, uid=user.uid)


def _new_folder(user: ServerUser) -> Path:
    for parent in _parents(user):
        folder = parent / f"cf-{secrets.token_hex(6)}"
        if len(os.fsencode(folder / SOCKET_NAME)) <= PATH_LIMIT_BYTES and _made(folder, user):
            return folder
    raise EmbeddedPostgresError(
        "Found no short, safe folder for the server's socket. Set TMPDIR to one which is yours."
    )


def _parents(user: ServerUser) -> Iterator[Path]:
    """Where such a folder may be; in /run only root writes, so there nobody can meddle."""
    wanted = ["/run"] if user.is_another else []
    wanted += ["/tmp", tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR", "")]  # noqa: S108  only for a private folder with a random name
    for parent in filter(None, wanted):
        with suppress(OSError):
            facts = Path(parent).stat()
            if (
                stat.S_ISDIR(facts.st_mode)
                and is_safe_parent(facts)
                and user.may_enter(Path(parent))
            ):
                yield Path(parent)


def _hand_over(folder: Path, user: ServerUser) -> None:
    if user.is_another:
        os.chown(folder, user.uid, user.gid)
