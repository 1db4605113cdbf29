"""Being attached to the server of a data directory, from a first call to the last.

While attached, a process also keeps the server alive: where the server or its watcher was killed,
whichever attached process notices first starts it again, in the same place, so that the pools of
all find it. So no process is one the others depend on. One gap is left: when the watcher and the
last attached processes are killed within the same second, nobody is left to see it, and the server
runs until the next process has come and gone.
"""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import attrs
import structlog

from adapters.postgres.embedded import locks, watcher
from adapters.postgres.embedded.binaries import locate
from adapters.postgres.embedded.errors import EmbeddedPostgresError
from adapters.postgres.embedded.server import (
    ensure_server,
    ensure_watcher,
    is_alive,
    stop_arguments,
)
from adapters.postgres.embedded.site import Site, find_site

log = structlog.get_logger()

GRACE_S: Final = 10.0
START_TIMEOUT_S: Final = 60.0
KEEP_EVERY_S: Final = 1.0


@attrs.frozen
class Attachment:
    """A hold on the running server; lasts until closed, or until the process ends however."""

    dsn: str
    site: Site
    grace_s: float
    attached_fd: int

    def is_intact(self) -> bool:
        return is_alive(self.site)

    def repair(self, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start again what is missing. Raises EmbeddedPostgresError."""
        deadline = time.monotonic() + timeout_s
        if not self._is_ours():
            raise EmbeddedPostgresError(f"{self.site.home} was deleted while in use.")
        with locks.exclusive(self.site.start_lock, deadline=deadline):
            if self.is_intact():
                return  # another attached process was quicker
            ensure_server(self.site, deadline=deadline)
            ensure_watcher(self.site, grace_s=self.grace_s)
        log.warning("embedded_server.repaired", home=str(self.site.home))

    def close(self) -> None:
        """Let go. Leaves a watcher behind in any case, or the server would run for ever."""
        try:
            if self._is_ours() and not locks.is_held(self.site.watcher_lock):
                self.repair(timeout_s=5.0)
        except (EmbeddedPostgresError, OSError):
            log.warning("embedded_server.left_unwatched", home=str(self.site.home))
        finally:
            os.close(self.attached_fd)

    def _is_ours(self) -> bool:
        """Whether the home is still the one we attached to."""
        with suppress(OSError):
            return os.path.samestat(os.fstat(self.attached_fd), self.site.attached_lock.stat())
        return False


def attach(
    data_dir: Path, *, grace_s: float = GRACE_S, timeout_s: float = START_TIMEOUT_S
) -> Attachment:
    """Attach to the server of *data_dir*, starting it when it does not run. Blocks.

    Raises EmbeddedPostgresError, and nothing else.
    """
    deadline = time.monotonic() + timeout_s
    try:
        return _attach(find_site(data_dir, locate(), deadline=deadline), grace_s, deadline)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"Could not use {data_dir} for the embedded database: {error}. "
            "Choose a COUNTERFOIL_DATA_DIR where you may write."
        ) from error


def _attach(site: Site, grace_s: float, deadline: float) -> Attachment:
    with locks.exclusive(site.start_lock, deadline=deadline):
        fd = locks.shared(site.attached_lock, deadline=deadline)
        try:
            dsn = ensure_server(site, deadline=deadline)
            ensure_watcher(site, grace_s=grace_s)
        except BaseException:
            os.close(fd)
            raise
    return Attachment(dsn=dsn, site=site, grace_s=grace_s, attached_fd=fd)


@asynccontextmanager
async def embedded_postgres(data_dir: Path, *, grace_s: float = GRACE_S) -> AsyncIterator[str]:
    """The DSN of the server of *data_dir*, which runs at least until this is left.

    The server stops *grace_s* after the last process has left, as the one which started the
    watcher had it. Raises EmbeddedPostgresError.
    """
    attachment = await _attach_in_thread(data_dir, grace_s)
    keeper = asyncio.create_task(_keep_alive(attachment))
    try:
        yield attachment.dsn
    finally:
        keeper.cancel()
        await asyncio.to_thread(attachment.close)


async def _attach_in_thread(data_dir: Path, grace_s: float) -> Attachment:
    """Cancelled meanwhile, the thread goes on, and lets go of what it got."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedded-postgres")
    attaching = thread.submit(attach, data_dir, grace_s=grace_s)
    thread.shutdown(wait=False)
    try:
        return await asyncio.shield(asyncio.wrap_future(attaching))
    except asyncio.CancelledError:
        attaching.add_done_callback(_close_late)
        raise


def _close_late(attaching: Future[Attachment]) -> None:
    if not attaching.cancelled() and attaching.exception() is None:
        attaching.result().close()


async def _keep_alive(attachment: Attachment) -> None:
    while True:
        await asyncio.sleep(KEEP_EVERY_S)
        try:
            if not attachment.is_intact():
                await asyncio.to_thread(attachment.repair)
        except (EmbeddedPostgresError, OSError) as error:
            log.error("embedded_server.repair_failed", error=str(error))  # noqa: TRY400  the message is written for people


def remove(data_dir: Path, *, timeout_s: float = START_TIMEOUT_S) -> None:
    """Stop the server of *data_dir* and delete its database, wherever it is kept. Blocks.

    Raises EmbeddedPostgresError when a process is attached. Deleting the data directory alone is
    fine too, and leaves what root keeps elsewhere to a person.
    """
    deadline = time.monotonic() + timeout_s
    site = find_site(data_dir, locate(), deadline=deadline)
    with (
        locks.exclusive(site.start_lock, deadline=deadline),
        locks.exclusive_if_free(site.attached_lock) as alone,
    ):
        if alone is None:
            raise EmbeddedPostgresError(f"The database of {data_dir} is in use.")
        watcher.Server(*stop_arguments(site)).stop()
        if locks.is_held(site.server_lock):
            raise EmbeddedPostgresError(f"The server of {data_dir} did not stop.")
        shutil.rmtree(site.home)
    if site.folder != site.home:
        shutil.rmtree(site.folder)
