"""The state on disk: one table of JSON objects, written in groups.

Everything staged since the last write goes into one synchronous commit, made by one thread,
so that requests which wait at the same time share one flush.
"""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec

FILE_NAME: Final = "stripe-sandbox.sqlite3"
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    json BLOB NOT NULL,
    UNIQUE (kind, id)
)
"""
# An upsert keeps seq, and with it the order of creation.
PUT: Final = """
INSERT INTO objects (kind, id, json) VALUES (?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET json = excluded.json
"""
DELETE: Final = "DELETE FROM objects WHERE kind = ? AND id = ?"
LOAD: Final = "SELECT kind, id, json FROM objects ORDER BY seq"
# A sandbox that was just killed may take a moment to be gone.
LOCK_WAIT_S: Final = 2.0
# What nobody waits for is written along with what somebody does, or when it is this much.
ENOUGH_TO_WRITE: Final = 1000

Change = tuple[str, str, dict[str, Any] | None]
Row = tuple[str, str, bytes | None]


class StateInUse(RuntimeError):
    """Another process has this state directory open."""


class Disk:
    def __init__(self, state_dir: Path) -> None:
        self._connection = open_database(state_dir)
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stripe-sandbox-disk")
        self._encoder = msgspec.json.Encoder()
        self._staged: list[Row] = []
        self._generation = 0
        self._wanted = 0
        self._written = 0
        self._writing: asyncio.Task[None] | None = None

    def load(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for kind, object_id, stored in self._connection.execute(LOAD):
            yield kind, object_id, msgspec.json.decode(stored)

    def stage(self, changes: Sequence[Change], *, hurried: bool) -> None:
        self._generation += 1
        for kind, object_id, thing in changes:
            stored = None if thing is None else self._encoder.encode(thing)
            self._staged.append((kind, object_id, stored))
        if hurried:
            self._wanted = self._generation

    async def durable(self) -> None:
        wanted = self._wanted
        while self._written < wanted:
            await asyncio.shield(self._writing or self._start_writing())
        if len(self._staged) > ENOUGH_TO_WRITE and self._writing is None:
            self._start_writing()

    async def close(self) -> None:
        while self._staged or self._writing is not None:
            await (self._writing or self._start_writing())
        self._writer.shutdown()
        self._connection.close()

    def _start_writing(self) -> asyncio.Task[None]:
        self._writing = asyncio.create_task(self._write_staged())
        return self._writing

    async def _write_staged(self) -> None:
        """The bookkeeping is over before this task is: who awaits it never sees it half done."""
        rows, self._staged = self._staged, []
        generation = self._generation
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._writer, self._write, rows)
        except sqlite3.Error:
            # A full disk may have room later: nothing that was answered is dropped.
            self._staged[:0] = rows
            raise
        else:
            self._written = generation
        finally:
            self._writing = None

    def _write(self, rows: Sequence[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for kind, object_id, stored in rows:
                if stored is None:
                    self._connection.execute(DELETE, (kind, object_id))
                else:
                    self._connection.execute(PUT, (kind, object_id, stored))
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def open_database(state_dir: Path) -> sqlite3.Connection:
    state_dir.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        state_dir / FILE_NAME, check_same_thread=False, isolation_level=None, timeout=LOCK_WAIT_S
    )
    try:
        # Exclusive, so that two processes cannot keep two truths in one directory.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(SCHEMA)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.close()
        raise StateInUse(f"{state_dir} is in use by another sandbox") from error
    return connection
