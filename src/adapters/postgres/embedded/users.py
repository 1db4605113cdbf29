"""Who runs the server.

We do, unless we are root: PostgreSQL refuses root. Then it is an existing account without rights.
We create none, and take no bare number either, because initdb insists on a user name. `nobody`
comes before `postgres`: where the latter exists it owns the machine's real databases, which a
server of ours should not be able to read.
"""

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import attrs

from adapters.postgres.embedded.errors import EmbeddedPostgresError

UNPRIVILEGED: Final = ("nobody", "postgres", "daemon")


@attrs.frozen
class ServerUser:
    uid: int
    gid: int

    @classmethod
    def default(cls) -> Self:
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        for name in UNPRIVILEGED:
            with suppress(KeyError):
                found = pwd.getpwnam(name)
                return cls(found.pw_uid, found.pw_gid)
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and there is no user {' or '.join(UNPRIVILEGED)} "
            "to run it as. Start as an ordinary user."
        )

    @classmethod
    def owner_of(cls, folder: Path) -> Self:
        facts = folder.stat()
        return cls(facts.st_uid, facts.st_gid)

    @property
    def is_another(self) -> bool:
        return self.uid != os.geteuid()

    def subprocess_arguments(self) -> dict[str, Any]:
        """What makes subprocess run a program as this user, and nothing when we are that user."""
        if not self.is_another:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def may_enter(self, folder: Path) -> bool:
        """Whether every folder down to *folder* lets this user pass, by the mode bits."""
        real = folder.resolve()
        return all(self._may_search(step.stat()) for step in (real, *real.parents))

    def _may_search(self, facts: os.stat_result) -> bool:
        if facts.st_uid == self.uid:
            return bool(facts.st_mode & stat.S_IXUSR)
        if facts.st_gid == self.gid:
            return bool(facts.st_mode & stat.S_IXGRP)
        return bool(facts.st_mode & stat.S_IXOTH)


def our_name() -> str:
    """The name PostgreSQL's peer authentication will know us by."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise EmbeddedPostgresError(
            f"User id {os.geteuid()} has no name, which PostgreSQL insists on. "
            "Run as a user who is in /etc/passwd."
        ) from None
