"""The command `counterfoil`."""

from __future__ import annotations

from entrypoints.cli.commands import main

__all__ = ["main"]

if __name__ == "__main__":
    raise SystemExit(main())
