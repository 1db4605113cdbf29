"""Log in as somebody else: `intruder.py UID GID DSN ROLE` prints how that ended."""

import asyncio
import os
import sys

import asyncpg
from asyncpg import connect_utils, protocol  # noqa: F401  loaded while we may still read them


async def main(dsn: str, role: str) -> str:
    try:
        connection = await asyncpg.connect(dsn, user=role)
    except (OSError, asyncpg.PostgresError) as error:
        return type(error).__name__
    await connection.close()
    return "connected"


if __name__ == "__main__":
    uid, gid, address, name = sys.argv[1:]
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
    sys.stdout.write(asyncio.run(main(address, name)))
