from __future__ import annotations

from aiohttp import web

from entrypoints.http.keys import APPLICATION
from entrypoints.http.replies import json_response

routes = web.RouteTableDef()


@routes.get("/livez")
async def livez(_: web.Request) -> web.Response:
    return json_response({"status": "alive"})


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    await request.app[APPLICATION].is_ready()
    return json_response({"status": "ready"})
