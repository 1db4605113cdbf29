"""Where things are kept, and that nothing else on the machine is changed."""

import asyncio
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.embedded import (
    Attachment,
    EmbeddedPostgresError,
    attach,
    binaries,
    embedded_postgres,
    remove,
)
from adapters.postgres.embedded.binaries import Binaries
from adapters.postgres.embedded.site import ELSEWHERE, Site, find_site
from adapters.postgres.embedded.sockets import (
    SOCKET_NAME,
    current_socket_folder,
    socket_folder,
)
from tests.adapters.postgres_embedded.conftest import site_of
from tests.adapters.postgres_embedded.stage import (
    GRACE_S,
    Actor,
    eventually,
    is_gone,
    modes,
    needs_root,
    postmasters,
    processes,
)

Act = Callable[..., Actor]


async def tables(dsn: str, create: str | None = None) -> list[str]:
    connection = await asyncpg.connect(dsn)
    if create:
        await connection.execute(f"CREATE TABLE {create} ()")
    rows = await connection.fetch("SELECT relname FROM pg_stat_user_tables ORDER BY relname")
    await connection.close()
    return [row["relname"] for row in rows]


async def test_a_data_directory_may_be_deeper_than_a_socket_path_may_be_long(
    folder: Path, ours: list[Path]
) -> None:
    deep = folder.joinpath(*(f"{number:_<60}" for number in range(5)))
    ours.append(deep)

    async with embedded_postgres(deep, grace_s=GRACE_S) as dsn:
        assert await tables(dsn) == []
        site = site_of(deep)
        path = current_socket_folder(site.home, site.user) / SOCKET_NAME

    assert len(str(deep)) > 300
    assert len(os.fsencode(path)) <= 107


def test_the_socket_is_in_a_folder_only_its_owner_may_enter(running: Attachment) -> None:
    site = running.site

    facts = current_socket_folder(site.home, site.user).lstat()

    assert stat.S_ISDIR(facts.st_mode)
    assert stat.S_IMODE(facts.st_mode) == 0o700
    assert facts.st_uid == site.user.uid


def wrong_mode(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def a_symlink(path: Path) -> None:
    elsewhere = path.with_name(f"{path.name}-elsewhere")
    elsewhere.mkdir(mode=0o700)
    path.symlink_to(elsewhere)


def somebody_elses(path: Path) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, 1, 1)


@pytest.mark.parametrize(
    "squat", [wrong_mode, a_symlink, pytest.param(somebody_elses, marks=needs_root)]
)
def test_a_socket_folder_which_somebody_put_there_meanwhile_is_not_used(
    new_data_dir: Path, squat: Callable[[Path], None]
) -> None:
    site = site_of(new_data_dir)
    first = socket_folder(site.home, site.user)
    first.rmdir()
    squat(first)

    second = socket_folder(site.home, site.user)

    assert second != first
    second.rmdir()
    for path in first.parent.glob(f"{first.name}*"):
        path.unlink() if path.is_symlink() else path.rmdir()


@needs_root
async def test_below_a_closed_home_the_database_lives_elsewhere_and_no_folder_is_opened(
    closed: Path, ours: list[Path]
) -> None:
    data_dir = closed / "work" / "data"
    data_dir.mkdir(parents=True)
    ours.append(data_dir)
    watched = [data_dir, Path("/root"), Path("/run"), Path("/tmp"), ELSEWHERE[0].parent]  # noqa: S108  only looked at
    before = {path: facts for each in watched for path, facts in modes(each).items()}

    async with embedded_postgres(data_dir, grace_s=GRACE_S) as dsn:
        assert await tables(dsn) == []
        during = {path: facts for each in watched for path, facts in modes(each).items()}
    site = site_of(data_dir)
    eventually(lambda: is_gone(site))
    after = {path: facts for each in watched for path, facts in modes(each).items()}

    assert before == during == after
    assert site.home.parent in ELSEWHERE
    assert (data_dir / "postgres" / "place").read_text().strip() == str(site.home)


@needs_root
def test_root_keeps_the_database_in_the_data_directory_where_the_server_can_reach_it(
    running: Attachment,
) -> None:
    assert running.site.home == running.site.folder
    assert stat.S_IMODE(running.site.cluster.stat().st_mode) == 0o700


async def test_deleting_the_data_directory_gives_an_empty_database_wherever_it_is_kept(
    closed: Path, ours: list[Path]
) -> None:
    data_dir = closed / "data"  # so root keeps it elsewhere
    ours.append(data_dir)
    async with embedded_postgres(data_dir, grace_s=GRACE_S) as dsn:
        assert await tables(dsn, create="old") == ["old"]
    old = site_of(data_dir)
    eventually(lambda: is_gone(old))

    shutil.rmtree(data_dir)

    async with embedded_postgres(data_dir, grace_s=GRACE_S) as dsn:
        assert await tables(dsn) == []
    if old.home.parent in ELSEWHERE:
        shutil.rmtree(old.home)


async def test_deleting_the_data_directory_of_a_running_server_gives_an_empty_database_at_once(
    folder: Path, ours: list[Path]
) -> None:
    data_dir = folder / "data"
    first = attach(data_dir, grace_s=GRACE_S)
    assert await tables(first.dsn, create="old") == ["old"]

    sockets = current_socket_folder(first.site.home, first.site.user)
    await asyncio.sleep(2 * GRACE_S)  # the watcher has seen what it will stop

    eventually(lambda: delete(data_dir))
    ours.append(data_dir)

    try:
        async with embedded_postgres(data_dir, grace_s=GRACE_S) as dsn:
            assert dsn != first.dsn
            assert await tables(dsn) == []
    finally:
        first.close()
    eventually(lambda: not processes(str(sockets)), within_s=90)
    shutil.rmtree(sockets, ignore_errors=True)


def delete(folder: Path) -> bool:
    """As `rm -r` does, which a server at work may disturb by making files meanwhile."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


@needs_root
def test_a_database_which_vanished_from_elsewhere_is_reported_not_silently_replaced(
    closed: Path,
) -> None:
    site = site_of(closed / "data")
    shutil.rmtree(site.home)

    with pytest.raises(EmbeddedPostgresError, match=r"kept in .*, which is gone"):
        attach(closed / "data")


async def test_a_copy_of_a_data_directory_is_a_database_of_its_own(
    data_dir: Path, site: Site, act: Act, ours: list[Path]
) -> None:
    original = act(data_dir)
    assert await tables(original.dsn, create="shared") == ["shared"]
    original.leave()
    eventually(lambda: is_gone(site))
    copy = data_dir.with_name("copy")
    shutil.copytree(data_dir, copy)
    for path in (copy / "postgres" / "cluster", *(copy / "postgres" / "cluster").rglob("*")):
        os.chown(path, site.user.uid, site.user.gid)
    ours.append(copy)

    first, second = act(data_dir), act(copy)

    assert first.dsn != second.dsn
    assert await tables(first.dsn, create="only_here") == ["only_here", "shared"]
    assert await tables(second.dsn) == ["shared"]


@needs_root
async def test_programs_which_the_servers_user_may_not_reach_are_copied_once(
    folder: Path, closed: Path
) -> None:
    located = binaries.locate().root
    package = closed / located.parent.name
    unneeded = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(located, package / located.name, symlinks=True, ignore=unneeded)
    libraries = located.parents[1] / f"{package.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    for path in package.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)  # installed with a strict umask
    hidden = Binaries(package / located.name)

    def find() -> Site:
        deadline = time.monotonic() + 10
        return find_site(folder / "data", hidden, deadline=deadline, elsewhere=[folder / "else"])

    first, second = find(), find()

    assert first.binaries == second.binaries != hidden
    assert first.user.may_enter(first.binaries.root / "bin")
    assert {path.stat().st_uid for path in first.binaries.root.rglob("*")} == {0}
    from adapters.postgres.embedded.attach import _attach

    attachment = _attach(first, GRACE_S, time.monotonic() + 30)
    assert await tables(attachment.dsn) == []
    attachment.close()
    remove(folder / "data")
    eventually(lambda: is_gone(first))


def test_remove_leaves_nothing_and_refuses_while_somebody_is_attached(
    folder: Path, act: Act
) -> None:
    data_dir = folder / "data"
    actor = act(data_dir)
    assert actor.dsn
    site = site_of(data_dir)
    sockets = current_socket_folder(site.home, site.user)

    with pytest.raises(EmbeddedPostgresError, match="is in use"):
        remove(data_dir)
    assert len(postmasters(site)) == 1
    actor.leave()
    remove(data_dir)

    assert not (data_dir / "postgres").exists()
    assert not site.home.exists()
    assert not sockets.exists()
    eventually(lambda: is_gone(site))
