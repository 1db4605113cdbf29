"""A process which uses the embedded server, for tests to start, watch and kill.

`actor.py DATA_DIR GRACE_S [UID GID]`: says on one line of JSON what became of attaching, stays
attached until its standard input says something or ends, then leaves cleanly. With a uid it drops
root first, which is how an ordinary user is played.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from adapters.postgres.embedded import EmbeddedPostgresError, embedded_postgres


def become(uid: int, gid: int) -> None:
    """Another user, with a Python which he may run: ours may live in a home of root's."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if not os.access(sys.executable, os.X_OK):
        sys.executable = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or ""


def say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def play(data_dir: Path, grace_s: float) -> None:
    try:
        async with embedded_postgres(data_dir, grace_s=grace_s) as dsn:
            # A child which takes along every descriptor it can, and outlives us.
            child = subprocess.Popen(["/bin/sleep", "60"], close_fds=False, stdout=2)  # noqa: ASYNC220  does not block
            say(dsn=dsn, child=child.pid)
            await asyncio.to_thread(sys.stdin.readline)
            child.kill()
            child.wait()
    except EmbeddedPostgresError as error:
        say(error=str(error))


if __name__ == "__main__":
    folder, grace, *user = sys.argv[1:]
    if user:
        become(*map(int, user))
    asyncio.run(play(Path(folder), float(grace)))
