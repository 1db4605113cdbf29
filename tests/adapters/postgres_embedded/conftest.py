import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.postgres.embedded import Attachment, attach, binaries
from adapters.postgres.embedded.site import ELSEWHERE, Site, find_site
from tests.adapters.postgres_embedded.stage import GRACE_S, Actor, eventually, is_gone


def site_of(data_dir: Path) -> Site:
    return find_site(data_dir, binaries.locate(), deadline=time.monotonic() + 10)


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """Which every user may enter: pytest's own is closed to all but us.

    Deleted at the end only: ext4 is slow to make files just after it deleted some.
    """
    path = Path(tempfile.mkdtemp(prefix="cft-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def folder(scratch: Path) -> Path:
    return open_folder(scratch)


@pytest.fixture
def closed(folder: Path) -> Path:
    """As /root is: nobody else gets past it."""
    path = folder / "home"
    path.mkdir(mode=0o700)
    return path


def open_folder(above: Path) -> Path:
    path = Path(tempfile.mkdtemp(dir=above))
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def running(scratch: Path) -> Iterator[Attachment]:
    """One running server for the tests which only look."""
    attachment = attach(open_folder(scratch), grace_s=GRACE_S)
    yield attachment
    attachment.close()
    eventually(lambda: is_gone(attachment.site))


@pytest.fixture
def ours(folder: Path) -> Iterator[list[Path]]:
    """Data directories whose servers and databases go when the test is over."""
    data_dirs: list[Path] = []
    yield data_dirs
    for site in map(site_of, data_dirs):
        eventually(lambda site=site: is_gone(site))
        if site.home.parent in ELSEWHERE:
            shutil.rmtree(site.home)


@pytest.fixture
def act(ours: list[Path]) -> Iterator[Callable[..., Actor]]:
    """Start an actor; all of them end with the test, whatever becomes of it."""
    cast: list[Actor] = []

    def start(data_dir: Path, *user: int, **options: float) -> Actor:
        cast.append(Actor(data_dir, *user, **options))
        return cast[-1]

    yield start
    for actor in cast:
        actor.clean_up()


@pytest.fixture
def new_data_dir(folder: Path, ours: list[Path]) -> Path:
    """Where nothing is yet."""
    ours.append(folder / "data")
    return ours[0]


@pytest.fixture(scope="session")
def mould(scratch: Path) -> Path:
    """A stopped database to copy: most of a first start's time is making the cluster."""
    data_dir = open_folder(scratch)
    attachment = attach(data_dir, grace_s=GRACE_S)
    attachment.close()
    eventually(lambda: is_gone(attachment.site))
    return data_dir


@pytest.fixture
def data_dir(mould: Path, new_data_dir: Path) -> Path:
    """One with a database, which does not run."""
    subprocess.run(["/bin/cp", "-a", mould, new_data_dir], check=True)
    return new_data_dir


@pytest.fixture
def site(data_dir: Path) -> Site:
    return site_of(data_dir)


@pytest.fixture(scope="session", autouse=True)
def tidy_machine() -> Iterator[None]:
    """Where root keeps databases is as it was, unless somebody else has begun to use it."""
    was_there = ELSEWHERE[0].exists()
    yield
    if os.geteuid() == 0 and not was_there and "PYTEST_XDIST_WORKER" not in os.environ:
        with suppress(OSError):
            ELSEWHERE[0].rmdir()
