"""The database cluster on disk: made once, durably, and never seen half made."""

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import structlog

from adapters.postgres.embedded.errors import EmbeddedPostgresError
from adapters.postgres.embedded.folders import fsync_folder, make_folder, write_file
from adapters.postgres.embedded.site import Site
from adapters.postgres.embedded.users import our_name

log = structlog.get_logger()

DATABASE: Final = "counterfoil"
ROLE: Final = "counterfoil"
SUPERUSER: Final = "postgres"

# Our secrets are in the environment; the server has no use for them.
CLEAN_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

# The application's role is no superuser: a hole in it must not become a shell on this machine.
FIRST_STATEMENTS: Final = f"""\
CREATE ROLE {ROLE} LOGIN CREATEDB;
CREATE DATABASE {DATABASE} OWNER {ROLE};
"""

# Sorting by code point comes from PostgreSQL itself ("builtin"): the same on every machine, and
# no index breaks when the C library changes. It needs no locale to be installed, hence --locale=C.
INITDB_OPTIONS: Final = (
    *("--username", SUPERUSER),
    *("--encoding", "UTF8"),
    *("--locale", "C"),
    *("--locale-provider", "builtin"),
    *("--builtin-locale", "C.UTF-8"),
    *("--auth", "reject"),  # for whoever starts it without our pg_hba.conf
    "--data-checksums",
)

SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # Not POSIX shared memory: containers keep it small, systemd empties it when a user logs out.
    "dynamic_shared_memory_type": "mmap",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "cluster_name": "counterfoil",
}


def ensure_cluster(site: Site, server_lock_fd: int, *, deadline: float) -> None:
    """Make the cluster unless it is there; the caller holds the server lock.

    The lock is passed on to initdb: when we are killed halfway, whoever comes next waits until
    our initdb is gone as well.
    """
    if site.cluster.is_dir():
        return
    draft = site.home / "cluster.draft"
    shutil.rmtree(draft, ignore_errors=True)
    make_folder(draft, mode=0o700)
    if site.user.is_another:
        shutil.chown(draft, site.user.uid, site.user.gid)
    initdb = (site.binaries.path("initdb"), "--pgdata", draft, *INITDB_OPTIONS)
    _run(site, initdb, server_lock_fd, deadline)
    single = (site.binaries.path("postgres"), "--single", "-D", draft, "-c", "exit_on_error=on")
    _run(site, (*single, SUPERUSER), server_lock_fd, deadline, stdin=FIRST_STATEMENTS)
    draft.rename(site.cluster)
    fsync_folder(site.home)
    log.info("embedded_cluster.created", home=str(site.home))


def write_access_rules(site: Site) -> None:
    """Only the operating system's user who owns the data directory may log in.

    Peer authentication: the kernel says who is at the other end of the socket. There is no
    password to keep or to leak, and it holds for root, whose server runs as somebody else: that
    user may enter the socket's folder, and is refused by this rule. The files are the owner's,
    outside the cluster, so that the server's user cannot change them. Written at every start,
    because the owner's name may have changed.
    """
    name = our_name().replace('"', '""')
    roles = "".join(f'owner "{name}" {role}\n' for role in (ROLE, SUPERUSER))
    write_file(site.home / "pg_ident.conf", roles, mode=0o644)
    write_file(site.home / "pg_hba.conf", "local all all peer map=owner\n", mode=0o644)


def server_command(site: Site, socket_folder: Path) -> list[str]:
    """Settings are arguments: nothing in the cluster, not even ALTER SYSTEM, overrides them."""
    return [
        str(site.binaries.path("postgres")),
        *("-D", str(site.cluster)),
        *_options(SETTINGS),
        *_options({"unix_socket_directories": f'"{socket_folder}"'}),
        *_options({"hba_file": str(site.home / "pg_hba.conf")}),
        *_options({"ident_file": str(site.home / "pg_ident.conf")}),
    ]


def _options(settings: dict[str, str]) -> Iterator[str]:
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _run(
    site: Site, command: Sequence[str | Path], lock_fd: int, deadline: float, stdin: str = ""
) -> None:
    try:
        subprocess.run(  # noqa: S603  programs of the wheel, arguments of ours
            command,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
            timeout=max(1.0, deadline - time.monotonic()),
            pass_fds=(lock_fd,),
            start_new_session=True,
            cwd="/",
            env=CLEAN_ENVIRONMENT,
            **site.user.subprocess_arguments(),
        )
    except subprocess.CalledProcessError as error:
        raise EmbeddedPostgresError(f"Could not make the database:\n{error.output}") from error
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(f"Making the database took too long: {error}") from error
