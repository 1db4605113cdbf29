import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.postgres.embedded import binaries, remove
from adapters.postgres.embedded.site import ELSEWHERE, Site, find_site
from tests.adapters.postgres_embedded.stage import Actor, eventually, is_gone


def site_of(data_dir: Path) -> Site:
    return find_site(data_dir, binaries.locate(), deadline=time.monotonic() + 10)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder which every user may enter: pytest's own is closed to all but us."""
    path = Path(tempfile.mkdtemp(prefix="cft-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def ours(folder: Path) -> Iterator[list[Path]]:
    """Data directories whose servers and databases go when the test is over."""
    data_dirs: list[Path] = []
    yield data_dirs
    for data_dir in data_dirs:
        site = site_of(data_dir)
        remove(data_dir)
        eventually(lambda site=site: is_gone(site))


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
def data_dir(folder: Path, ours: list[Path]) -> Path:
    ours.append(folder / "data")
    return ours[0]


@pytest.fixture
def site(data_dir: Path) -> Site:
    return site_of(data_dir)


@pytest.fixture(scope="session", autouse=True)
def tidy_machine() -> Iterator[None]:
    """Where root keeps databases is as it was, unless somebody else has begun to use it."""
    was_there = ELSEWHERE[0].exists()
    yield
    if os.geteuid() == 0 and not was_there:
        with suppress(OSError):
            ELSEWHERE[0].rmdir()
