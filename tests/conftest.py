from __future__ import annotations

import os

from tests.databases import bare_database_dsn, database_dsn, database_server

__all__ = ["bare_database_dsn", "database_dsn", "database_server"]

# Before anything reads them: no test may ever reach a real account or somebody's database.
for name in [*os.environ]:
    if name.startswith("STRIPE_") or name == "DATABASE_URL":
        del os.environ[name]
