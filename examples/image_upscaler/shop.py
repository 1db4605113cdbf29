"""A shop for larger pictures: it takes a file, sells with Counterfoil, and shows what becomes of it.

    python shop.py --api http://127.0.0.1:8080

It is a customer of the public HTTP API like any other, and buys as a guest. Orders are kept in a
folder; whoever knows the address of an order's page may see it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import attrs
from aiohttp import web
from counterfoil_api import Api
from shop_delivery import Delivery
from shop_guard import add_headers
from shop_orders import Orders
from shop_pages import Shop
from shop_till import Till
from shop_uploads import Counter


@attrs.frozen(kw_only=True)
class Options:
    api: str
    port: int
    data: Path


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[str]:
    """Keep a shop on loopback, and yield its origin. Port 0 leaves the choice to the system."""
    orders = Orders(options.data.resolve())
    orders.load()
    async with aiohttp.ClientSession() as session:
        listener = _listener(options.port)
        port = listener.getsockname()[1]
        runner = web.AppRunner(
            _application(options, orders, session, port), access_log=None, shutdown_timeout=2
        )
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            yield f"http://127.0.0.1:{port}"
        finally:
            await runner.cleanup()
            listener.close()


def _listener(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def _application(
    options: Options, orders: Orders, session: aiohttp.ClientSession, port: int
) -> web.Application:
    origin = f"http://127.0.0.1:{port}"
    shop = Shop(
        orders=orders,
        counter=Counter(orders),
        till=Till(Api(session, options.api), orders, origin),
        delivery=Delivery(session, orders),
        origins=frozenset({origin, f"http://localhost:{port}"}),
    )
    app = web.Application(middlewares=[shop.guard])
    app.add_routes(shop.routes())
    app.on_response_prepare.append(add_headers)
    return app


async def sell_until_stopped(options: Options) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with running(options) as origin:
        print(f"shop: click {origin}/ and choose a picture", flush=True)
        await stopping.wait()
    print("shop: closed", flush=True)


def options_of(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(description="Sell larger pictures, with Counterfoil.")
    add = parser.add_argument
    default = os.environ.get("API_URL", "http://127.0.0.1:8080")
    add("--api", default=default, metavar="URL", help="or API_URL (%(default)s)")
    add("--port", type=int, default=8090, help="where the shop listens (%(default)s)")
    folder = Path(".counterfoil-example/shop")
    add("--data", type=Path, default=folder, metavar="DIR", help="keeps orders (%(default)s)")
    given = parser.parse_args(arguments)
    return Options(api=given.api.rstrip("/"), port=given.port, data=given.data)


def main() -> int:
    options = options_of(sys.argv[1:])
    try:
        asyncio.run(sell_until_stopped(options))
    except OSError as error:
        print(f"shop.py: cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
