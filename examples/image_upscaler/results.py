"""The finished pictures: a folder, and a small server that hands them to whoever knows the name.

No result is ever deleted here: a customer may come back. Clear the folder by age if you must.
"""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

import attrs
from aiohttp import web

NAME: Final = re.compile(r"[A-Za-z0-9_-]{32}\.(?:png|jpg)")
ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg"}
CONTENT_TYPES: Final = {ending: content_type for content_type, ending in ENDINGS.items()}
DESK_PREFIX: Final = "work-"
DESK_ABANDONED_AFTER_S: Final = 3600.0
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
    "Cache-Control": "private, max-age=86400",
}


@attrs.frozen
class Results:
    folder: Path

    def desk(self) -> tempfile.TemporaryDirectory[str]:
        """A folder for work in progress, on the same disk, so that a result moves in at once."""
        return tempfile.TemporaryDirectory(dir=self.folder, prefix=DESK_PREFIX)

    def clear_abandoned_desks(self) -> None:
        """Remove what workers have left that were killed. Others may be at work in this folder."""
        for desk in self.folder.glob(f"{DESK_PREFIX}*"):
            if time.time() - desk.stat().st_mtime > DESK_ABANDONED_AFTER_S:
                shutil.rmtree(desk, ignore_errors=True)

    def keep(self, finished: Path, content_type: str) -> str:
        """Move a finished file in, complete or not at all, and return its unguessable name."""
        name = f"{secrets.token_urlsafe(24)}.{ENDINGS[content_type]}"
        finished.replace(self.folder / name)
        return name

    def drop(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        path = self.folder / name
        if not NAME.fullmatch(name) or not path.is_file():
            raise web.HTTPNotFound
        content_type = CONTENT_TYPES[path.suffix[1:]]
        return web.FileResponse(path, headers={**HEADERS, "Content-Type": content_type})


async def start_server(results: Results, port: int) -> tuple[web.AppRunner, int]:
    """Serve on loopback; return the runner and the port, which 0 leaves to the system."""
    app = web.Application()
    app.router.add_get("/results/{name}", results.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    taken: int = runner.addresses[0][1]
    return runner, taken
