"""Who may use the database: its owner, and nobody else on the machine."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.embedded import Attachment, EmbeddedPostgresError, attach
from adapters.postgres.embedded.sockets import SOCKET_NAME, current_socket_folder
from tests.adapters.postgres_embedded.stage import (
    NOBODY,
    Actor,
    eventually,
    needs_root,
    processes,
)

Act = Callable[..., Actor]


def login_as(user: str, dsn: str, role: str) -> str:
    entry = pwd.getpwnam(user)
    ids = (str(entry.pw_uid), str(entry.pw_gid))
    return subprocess.run(
        [sys.executable, Path(__file__).with_name("intruder.py"), *ids, dsn, role],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@needs_root
@pytest.mark.parametrize("role", ["counterfoil", "postgres"])
@pytest.mark.parametrize(
    ("user", "outcome"),
    [
        ("root", "connected"),
        ("daemon", "PermissionError"),  # the folder is closed
        ("nobody", "InvalidAuthorizationSpecificationError"),  # the server's user: peer refuses
    ],
)
def test_of_roots_database_only_root_is_served(
    running: Attachment, user: str, outcome: str, role: str
) -> None:
    assert login_as(user, running.dsn, role) == outcome


@needs_root
def test_a_stranger_who_gets_past_the_folder_is_still_refused(
    running: Attachment,
) -> None:
    folder = current_socket_folder(running.site.home, running.site.user)
    opened = [folder, folder / SOCKET_NAME]
    for path in opened:
        path.chmod(0o777)

    outcome = login_as("daemon", running.dsn, "counterfoil")

    for path in opened:
        path.chmod(0o700)
    assert outcome == "InvalidAuthorizationSpecificationError"


@needs_root
def test_the_servers_user_can_not_rewrite_who_may_log_in(running: Attachment) -> None:
    home = running.site.home

    for name in ("pg_hba.conf", "pg_ident.conf"):
        facts = (home / name).stat()
        assert (facts.st_uid, facts.st_mode & 0o022) == (0, 0)
    assert home.stat().st_uid == 0


@needs_root
async def test_an_ordinary_user_needs_no_root(folder: Path, act: Act) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, *NOBODY)
    data_dir = home / "data"

    actor = act(data_dir, *NOBODY)

    assert actor.dsn
    assert (data_dir / "postgres" / "cluster").stat().st_uid == NOBODY[0]
    assert login_as("nobody", actor.dsn, "counterfoil") == "connected"
    assert login_as("daemon", actor.dsn, "counterfoil") == "PermissionError"
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(actor.dsn)  # not even root, who passes every folder
    actor.leave()
    eventually(lambda: not processes(str(data_dir)))


@needs_root
def test_another_users_data_directory_is_refused(folder: Path, act: Act) -> None:
    data_dir = folder / "data"
    (data_dir / "postgres").mkdir(parents=True)
    os.chown(data_dir / "postgres", *NOBODY)

    with pytest.raises(EmbeddedPostgresError, match="belongs to user id"):
        attach(data_dir)


@needs_root
def test_an_ordinary_user_who_may_not_write_is_told_so(folder: Path, act: Act) -> None:
    said = act(folder / "data", *NOBODY).said

    assert "Permission denied" in str(said["error"])
    assert "COUNTERFOIL_DATA_DIR" in str(said["error"])
    assert "DATABASE_URL" in str(said["error"])


def a_symlink(path: Path) -> None:
    path.with_name("else").mkdir()
    path.symlink_to(path.with_name("else"))


def open_to_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def a_file(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize("trap", [a_symlink, open_to_all, a_file])
def test_a_folder_of_ours_which_others_could_have_made_is_refused(
    folder: Path, trap: Callable[[Path], None]
) -> None:
    trap(folder / "postgres")

    with pytest.raises(EmbeddedPostgresError, match=r"is not a folder|Others may write"):
        attach(folder)

    assert [path.name for path in folder.rglob("place*")] == []
    shutil.rmtree(folder / "else", ignore_errors=True)
