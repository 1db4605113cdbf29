"""How long a paid job waits for a worker that is waiting for it.

Against a running `make run` (or `counterfoil run`): buys, pays in the sandbox and leases, N times,
one after the other, with a worker already waiting on `wait_s`. The clock starts when the payment
is sent to the sandbox and stops when the worker has the job: webhook, inbox, the look at Stripe,
commit and wake-up are all in it.

    .venv/bin/python benchmarks/payment_to_lease.py --token "$(.venv/bin/counterfoil token --sub bench --role worker)"
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import Any

import aiohttp

NO_CONTENT = 204


async def main(api: str, sandbox: str, token: str, rounds: int) -> None:
    async with aiohttp.ClientSession() as http:
        await clear(http, api, token)
        await round_trip(http, api, sandbox, token)
        took = sorted([await round_trip(http, api, sandbox, token) for _ in range(rounds)])
    p90 = took[int(len(took) * 0.9)]
    print(
        f"{rounds} rounds: median {statistics.median(took):.0f} ms, p90 {p90:.0f} ms, "
        f"least {took[0]:.0f} ms, most {took[-1]:.0f} ms"
    )


async def clear(http: aiohttp.ClientSession, api: str, token: str) -> None:
    """Do what an interrupted run has left behind."""
    worker = {"Authorization": f"Bearer {token}"}
    while leased := await ask(http, f"{api}/api/jobs/lease", {"offers": ["thumbnail"]}, worker):
        done = f"{api}/api/jobs/{leased['job_id']}/complete"
        await ask(http, done, {"lease": leased["lease"]}, worker)


async def round_trip(http: aiohttp.ClientSession, api: str, sandbox: str, token: str) -> float:
    """Return the milliseconds from payment to lease."""
    lease = f"{api}/api/jobs/lease"
    worker = {"Authorization": f"Bearer {token}"}
    body = {"offers": ["thumbnail"], "wait_s": 30}
    waiting = asyncio.create_task(ask(http, lease, body, worker))
    bought = await ask(http, f"{api}/api/payments/checkout-session", {"offer": "thumbnail"})
    await asyncio.sleep(0.2)
    started = time.perf_counter()
    pay = f"{sandbox}/_sandbox/checkout/{bought['session_id']}/pay"
    paying = asyncio.create_task(ask(http, pay, {"card": "4242424242424242"}))
    leased = await waiting
    took_ms = (time.perf_counter() - started) * 1000
    assert leased["job_id"] == bought["job_id"], "another worker, or another customer, is about"
    await paying
    done = f"{api}/api/jobs/{leased['job_id']}/complete"
    await ask(http, done, {"lease": leased["lease"]}, worker)
    return took_ms


async def ask(
    http: aiohttp.ClientSession, url: str, body: object, headers: dict[str, str] | None = None
) -> Any:
    async with http.post(url, json=body, headers=headers) as answer:
        answer.raise_for_status()
        return await answer.json() if answer.status != NO_CONTENT else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--api", default="http://127.0.0.1:8080")
    parser.add_argument("--sandbox", default="http://127.0.0.1:12111")
    parser.add_argument("--token", required=True, help="a bearer token with the role worker")
    parser.add_argument("--rounds", type=int, default=50)
    given = parser.parse_args()
    asyncio.run(main(given.api, given.sandbox, given.token, given.rounds))
