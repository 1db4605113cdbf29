"""Where the server of a data directory lives.

`<data directory>/postgres` is ours. For an ordinary user it is the *home*: it holds the cluster,
the locks and the log. For root it is the home too as long as the server's user can get there, so
that a mounted volume keeps its database. Where he cannot (a data directory below /root), the
home is a folder with a random name elsewhere, and `place` in our folder says which: deleting the
data directory forgets the name, and with it the database.
"""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import attrs

from adapters.postgres.embedded import locks
from adapters.postgres.embedded.binaries import Binaries
from adapters.postgres.embedded.errors import EmbeddedPostgresError
from adapters.postgres.embedded.folders import own_folder, read_file, write_file
from adapters.postgres.embedded.users import ServerUser

# Outlive a reboot, and others may pass through. The second is for a read-only /var/lib.
ELSEWHERE: Final = (Path("/var/lib/counterfoil-embedded"), Path("/var/tmp/counterfoil-embedded"))  # noqa: S108  checked to be root's own before use


@attrs.frozen
class Site:
    """One database's home on this machine, and who serves it with what."""

    folder: Path
    home: Path
    user: ServerUser
    binaries: Binaries

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def start_lock(self) -> Path:
        """Held while attaching, starting and stopping: one of these at a time."""
        return self.home / "start.lock"

    @property
    def attached_lock(self) -> Path:
        """Shared by every attached process."""
        return self.home / "attached.lock"

    @property
    def server_lock(self) -> Path:
        """Inherited by the postmaster and all its children: free means none of them lives."""
        return self.home / "server.lock"

    @property
    def watcher_lock(self) -> Path:
        return self.home / "watcher.lock"


def find_site(
    data_dir: Path,
    binaries: Binaries,
    *,
    deadline: float,
    elsewhere: Sequence[Path] = ELSEWHERE,
) -> Site:
    """The site of *data_dir*; makes the folders it needs, and no cluster."""
    user = ServerUser.default()
    open_mode = 0o711 if user.is_another else 0o700
    data_dir = data_dir.resolve()
    data_dir.mkdir(mode=open_mode, parents=True, exist_ok=True)
    folder = own_folder(data_dir / "postgres", mode=open_mode)
    with locks.exclusive(folder / "place.lock", deadline=deadline):
        home = _known_home(folder) or _new_home(folder, user, elsewhere)
    if (home / "cluster").is_dir():
        user = ServerUser.owner_of(home / "cluster")
    if not binaries.usable_by(user):
        binaries = binaries.copied_under(_base(elsewhere))
    return Site(folder=folder, home=home, user=user, binaries=binaries)


def _known_home(folder: Path) -> Path | None:
    if (folder / "cluster").is_dir():
        return folder
    place = read_file(folder / "place").strip()
    if not place:
        return None
    if not Path(place).is_dir():
        raise EmbeddedPostgresError(
            f"The database of {folder.parent} was kept in {place}, which is gone. "
            f"Bring it back, or delete {folder} to begin with an empty one."
        )
    return own_folder(Path(place), mode=0o711)


def _new_home(folder: Path, user: ServerUser, elsewhere: Sequence[Path]) -> Path:
    if not user.is_another or user.may_enter(folder):
        return folder
    home = own_folder(_base(elsewhere) / secrets.token_hex(16), mode=0o711)
    write_file(home / "belongs-to", f"{folder.parent}\n")  # for a person who tidies up
    write_file(folder / "place", f"{home}\n")
    return home


def _base(elsewhere: Sequence[Path]) -> Path:
    for base in elsewhere:
        with suppress(OSError, EmbeddedPostgresError):
            own_folder(base, mode=0o711)
            if os.access(base, os.W_OK):
                return base
    raise EmbeddedPostgresError(
        f"Could not write in {' or '.join(map(str, elsewhere))}, where root keeps what the "
        "server's user must reach. Choose a COUNTERFOIL_DATA_DIR which other users may enter."
    )
