"""Folders of ours: made by us, checked before use, and the only ones whose modes we ever set."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from adapters.postgres.embedded.errors import EmbeddedPostgresError

PRIVATE_MODE: Final = 0o700


def own_folder(path: Path, *, mode: int) -> Path:
    """*path*, made with *mode* when absent; raises unless it is a real folder which only we write."""
    with suppress(FileExistsError):
        make_folder(path, mode=mode)
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        raise EmbeddedPostgresError(f"{path} is not a folder. Move it away.")
    if facts.st_uid != os.geteuid():
        raise EmbeddedPostgresError(
            f"{path} belongs to user id {facts.st_uid} and we run as {os.geteuid()}. "
            "Run as its owner, or choose another COUNTERFOIL_DATA_DIR."
        )
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise EmbeddedPostgresError(
            f"Others may write in {path}. Take that right away (chmod go-w)."
        )
    return path


def make_folder(path: Path, *, mode: int) -> None:
    """Make *path* with exactly *mode*, whatever the umask. Raises FileExistsError."""
    path.mkdir(mode=PRIVATE_MODE)
    if mode != stat.S_IMODE(path.stat().st_mode):
        path.chmod(mode)


def is_private(path: Path, *, uid: int) -> bool:
    """Whether *path* is a real folder of *uid* which nobody else may enter, or swap for another."""
    try:
        facts, above = path.lstat(), path.parent.stat()
    except OSError:
        return False
    is_closed = stat.S_ISDIR(facts.st_mode) and stat.S_IMODE(facts.st_mode) == PRIVATE_MODE
    return is_closed and facts.st_uid == uid and is_safe_parent(above)


def is_safe_parent(facts: os.stat_result) -> bool:
    """Only its owner, or everybody with the sticky bit, may rename what is inside."""
    writable_by_others = facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return not writable_by_others or bool(facts.st_mode & stat.S_ISVTX)


def write_file(path: Path, text: str, *, mode: int = 0o600) -> None:
    """All of *text* or the old content, never half of it."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        os.fchmod(fd, mode)  # the umask may have taken rights the server's user needs
        file.write(text)
        file.flush()
        os.fsync(fd)
    draft.replace(path)


def read_file(path: Path) -> str:
    """What *path* says, or nothing when it is absent."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""


def fsync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
