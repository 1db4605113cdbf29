"""What the tests of the embedded server are told with: actors, and questions to the kernel."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from adapters.postgres.embedded.server import is_alive
from adapters.postgres.embedded.site import Site

GRACE_S = 0.25
NOBODY = (65534, 65534)
SOURCE = Path(__file__).parents[3] / "src"

needs_root = pytest.mark.skipif(
    os.geteuid() != 0,
    reason="plays several users of one machine, which only root can; CI runs as root",
)


class Actor:
    """A process attached to the server of a data directory."""

    def __init__(self, data_dir: Path, *user: int, grace_s: float = GRACE_S) -> None:
        arguments = [str(data_dir), str(grace_s), *map(str, user)]
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("actor.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            start_new_session=True,
        )
        self._said: dict[str, object] = {}

    @property
    def said(self) -> dict[str, object]:
        """What it said of attaching; waits for that."""
        if not self._said:
            assert self.process.stdout
            line = self.process.stdout.readline()
            logs = []
            while line and not line.startswith("{"):
                logs.append(line)
                line = self.process.stdout.readline()
            assert line, f"the actor said nothing: {logs}"
            self._said = json.loads(line)
        return self._said

    @property
    def dsn(self) -> str:
        assert "dsn" in self.said, self.said
        return str(self.said["dsn"])

    def leave(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("leave\n")
        self.process.stdin.flush()
        assert self.process.wait(timeout=30) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)

    def interrupt_terminal(self) -> None:
        """What Ctrl-C does: a signal to the whole group in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.stdin
        self.process.stdin.close()  # its thread would wait for more
        self.process.wait(timeout=30)

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        if "child" in self._said:
            kill(int(str(self._said["child"])))


@attrs.frozen
class Running:
    pid: int
    parent: int
    session: int
    command: list[str]


def processes(*words: str) -> list[Running]:
    """Every running process whose command line holds all of *words*."""
    listing = subprocess.run(
        ["/bin/ps", "-ww", "-eo", "pid=,ppid=,sess=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(maxsplit=4) for line in listing.stdout.splitlines()]
    return [
        Running(pid=int(row[0]), parent=int(row[1]), session=int(row[2]), command=row[4].split())
        for row in rows
        if not row[3].startswith("Z") and all(word in row[4] for word in words)
    ]


def postmasters(site: Site) -> list[Running]:
    return processes("/bin/postgres -D", str(site.cluster))


def watchers(site: Site) -> list[Running]:
    return processes("watcher.py", str(site.cluster))


def postmaster(site: Site) -> Running:
    [only] = postmasters(site)
    return only


def watcher(site: Site) -> Running:
    [only] = watchers(site)
    return only


def is_gone(site: Site) -> bool:
    """Neither server nor watcher runs; the locks are asked first because they are cheap to ask."""
    if site.home.is_dir() and is_alive(site):
        return False
    return not postmasters(site) and not watchers(site)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def eventually(question: Callable[[], object], *, within_s: float = 30) -> float:
    """Wait until *question* has a true answer; how long that took."""
    began = time.monotonic()
    while not question():
        assert time.monotonic() - began < within_s, f"not within {within_s} s"
        time.sleep(0.05)
    return time.monotonic() - began


def modes(path: Path) -> dict[Path, tuple[int, int]]:
    """Mode and owner of *path* and of every folder above it."""
    facts = {step: step.stat() for step in (path, *path.parents)}
    return {step: (fact.st_mode, fact.st_uid) for step, fact in facts.items()}
