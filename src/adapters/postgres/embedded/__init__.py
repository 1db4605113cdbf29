"""A PostgreSQL 18 of our own for whoever has none: no root, no installation, no TCP.

`embedded_postgres(data_dir)` attaches to the server of a data directory, or starts it. What may be
surprising is told where it is done: `site` (where things are), `users` (as whom), `cluster` (who
may log in), `sockets`, `locks` and `watcher` (how it survives kill -9 and when it stops).
"""

from adapters.postgres.embedded.attach import Attachment, attach, embedded_postgres, remove
from adapters.postgres.embedded.binaries import binary
from adapters.postgres.embedded.databases import create_database, database_dsn, drop_database
from adapters.postgres.embedded.errors import EmbeddedPostgresError

__all__ = [
    "Attachment",
    "EmbeddedPostgresError",
    "attach",
    "binary",
    "create_database",
    "database_dsn",
    "drop_database",
    "embedded_postgres",
    "remove",
]
