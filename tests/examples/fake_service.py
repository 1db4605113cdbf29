"""A small honest Counterfoil, with a till: its public HTTP API and the sandbox's way to pay.

It keeps the rules a client can break: tokens, roles, fences, strict bodies, idempotency keys.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
from aiohttp import web
from aiohttp.test_utils import TestServer

WORKER_TOKEN = "token.of.the-worker"
DECLINED = {"4000000000000002": "generic_decline", "4000000000009995": "insufficient_funds"}
KEY_LENGTH_MIN = 32
ATTEMPTS_MAX = 3
PATIENCE_S = 10.0

PRICE = {
    "rule": "per_unit",
    "unit": "megapixel",
    "multiply": ["width", "height"],
    "divide_by": 1_000_000,
    "cost": {"usd": "13/2", "eur": "6"},
    "markup": "2/5",
    "minimum": {"usd": 99, "eur": 95},
}
OFFERS = [
    {
        "offer": f"image-upscale-{factor}x",
        "name": f"Image upscale ×{factor}",
        "currencies": ["usd", "eur"],
        "price": PRICE,
        "max_quantity": 1,
        "inputs": {},
        "delivery_time_s": 1800,
    }
    for factor in (2, 4)
]


class Problem(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@attrs.define
class Job:
    offer: str
    inputs: dict[str, Any]
    currency: str = "usd"
    amount: int = 99
    urls: list[str] = attrs.field(factory=list)
    status: str = "pending"
    id: str = attrs.field(factory=lambda: f"job_{secrets.token_hex(8)}")
    session_id: str = attrs.field(factory=lambda: f"cs_test_{secrets.token_hex(8)}")
    access_token: str = attrs.field(factory=lambda: f"cft_{secrets.token_hex(16)}")
    lease: str | None = None
    attempts: int = 0
    progress: list[float] = attrs.field(factory=list)
    result: Any = None
    failure_reason: str | None = None
    failures: list[tuple[str, bool]] = attrs.field(factory=list)
    refund: dict[str, Any] | None = None
    hold: dict[str, Any] | None = None

    def view(self) -> dict[str, Any]:
        shown = ("offer", "status", "result", "failure_reason", "refund", "hold")
        progress = self.progress[-1] if self.progress else None
        return {"job_id": self.id, "progress": progress} | {n: getattr(self, n) for n in shown}


@attrs.define
class Service:
    url: str = ""
    jobs: dict[str, Job] = attrs.field(factory=dict)
    by_key: dict[str, Job] = attrs.field(factory=dict)
    changed: asyncio.Condition = attrs.field(factory=asyncio.Condition)
    outage: int = 0
    """How many more requests are answered with 503."""
    outages: dict[str, int] = attrs.field(factory=dict)
    """The same, for what is asked of a job: "complete", "heartbeat"…"""
    answers_lost: int = 0
    """How many orders are taken, and answered with 503 nevertheless."""
    refund_fails: bool = False
    keeps_back: int = 0
    raises_prices_by: int = 0
    tampers_with_results: bool = False
    before: Callable[[str, Job], None] = lambda _verb, _job: None
    """Is told of everything a worker says about a job, before it counts."""

    def suffer_outage(self) -> None:
        if self.outage:
            self.outage -= 1
            raise Problem(503, "unavailable")

    def sell(self, inputs: dict[str, Any], offer: str = "image-upscale-2x") -> Job:
        """Put in a job that has been paid for already."""
        job = Job(offer, inputs, status="paid")
        self.jobs[job.id] = job
        return job

    async def until(self, comes_true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S), self.changed:
            await self.changed.wait_for(comes_true)

    async def reaches(self, job: Job, *states: str) -> None:
        await self.until(lambda: job.status in states)

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def offers(self, _: web.Request) -> web.Response:
        return web.json_response({"offers": OFFERS})

    async def checkout(self, request: web.Request) -> web.Response:
        urls = {"success_url", "cancel_url"}
        body = await _body(request, {"offer", "inputs", "currency"} | urls)
        key = request.headers.get("Idempotency-Key", "")
        if len(key) < KEY_LENGTH_MIN:
            raise Problem(422, "invalid")
        if key not in self.by_key:
            job = Job(body["offer"], body["inputs"], currency=body["currency"] or "usd")
            job.amount = PRICE["minimum"][job.currency] + self.raises_prices_by
            job.urls = [body[name] for name in sorted(urls) if name in body]
            self.by_key[key] = self.jobs[job.id] = job
        job = self.by_key[key]
        if self.answers_lost:
            self.answers_lost -= 1
            raise Problem(503, "provider_unavailable")
        return web.json_response(self._opened(job), status=201)

    def _opened(self, job: Job) -> dict[str, Any]:
        return {
            "job_id": job.id,
            "session_id": job.session_id,
            "session_url": f"{self.url}/c/pay/{job.session_id}",
            "access_token": job.access_token,
            "status": "pending",
            "amount": job.amount,
            "currency": job.currency,
        }

    async def pay_again(self, request: web.Request) -> web.Response:
        job = self.jobs[request.match_info["job_id"]]
        _check(request, job.access_token)
        if job.status not in {"pending", "cancelled"}:
            raise Problem(409, "already_paid")
        job.status = "pending"
        return web.json_response(self._opened(job))

    async def pay(self, request: web.Request) -> web.Response:
        card = (await _body(request, {"card"}))["card"]
        job = self._of_session(request)
        code = DECLINED.get(card)
        if code is not None:
            answer = {"status": "open", "payment_status": "unpaid", "decline_code": code}
            return web.json_response(answer)
        job.status = "paid"
        await self.tell()
        return web.json_response({"status": "complete", "payment_status": "paid"})

    async def payment(self, request: web.Request) -> web.Response:
        job = self._of_session(request)
        _check(request, job.access_token)
        back = job.refund is not None and job.refund["status"] == "succeeded"
        returned = job.amount - self.keeps_back if back else 0
        status = "refunded" if back else "pending" if job.status == "pending" else "paid"
        answer = {"status": status, "amount": job.amount, "amount_refunded": returned}
        return web.json_response(answer | {"currency": job.currency, "job_status": job.status})

    def _of_session(self, request: web.Request) -> Job:
        wanted = request.match_info["session_id"]
        job = next((job for job in self.jobs.values() if job.session_id == wanted), None)
        if job is None:
            raise Problem(404, "not_found")
        return job

    async def read(self, request: web.Request) -> web.Response:
        job = self.jobs[request.match_info["job_id"]]
        _check(request, job.access_token)
        view = job.view()
        self._let_refund_go_on(job)
        return web.json_response(view)

    def _let_refund_go_on(self, job: Job) -> None:
        """It has succeeded by the second look."""
        if job.refund is None:
            return
        if self.refund_fails:
            job.refund["status"] = "failed"
            job.hold = {"name": "refund_failed", "since": "2030-01-01T00:00:00.000Z"}
        else:
            job.refund["status"], job.status = "succeeded", "refunded"

    async def cancel(self, request: web.Request) -> web.Response:
        job = self.jobs[request.match_info["job_id"]]
        _check(request, job.access_token)
        if job.status not in {"pending", "cancelled"}:
            raise Problem(409, "already_paid")
        job.status = "cancelled"
        return web.json_response({"job_id": job.id, "status": job.status})

    async def lease(self, request: web.Request) -> web.Response:
        _check(request, WORKER_TOKEN)
        body = await _body(request, {"offers", "wait_s", "lease_s"})
        job = await self._next_paid(body["offers"], body["wait_s"])
        if job is None:
            return web.Response(status=204)
        job.status, job.lease, job.attempts = "processing", secrets.token_hex(8), job.attempts + 1
        self.before("lease", job)
        answer = {"job_id": job.id, "lease": job.lease, "offer": job.offer, "inputs": job.inputs}
        return web.json_response(answer | {"quantity": 1, "attempt": job.attempts})

    async def _next_paid(self, offers: list[str], wait_s: float) -> Job | None:
        def waiting() -> Job | None:
            paid = (job for job in self.jobs.values() if job.status == "paid")
            return next((job for job in paid if job.offer in offers), None)

        try:
            async with asyncio.timeout(wait_s), self.changed:
                return await self.changed.wait_for(waiting)
        except TimeoutError:
            return None

    async def about_job(self, request: web.Request) -> web.Response:
        """Heartbeat, complete, fail: only for who holds the lease."""
        _check(request, WORKER_TOKEN)
        verb, job = request.match_info["verb"], self.jobs[request.match_info["job_id"]]
        wanted = {"heartbeat": {"progress", "lease_s"}, "complete": {"result"}}
        body = await _body(request, {"lease"} | wanted.get(verb, {"reason", "retryable"}))
        if self.outages.get(verb, 0):
            self.outages[verb] -= 1
            raise Problem(503, "unavailable")
        self.before(verb, job)
        if job.lease != body["lease"]:
            raise Problem(409, "lease_not_current")
        getattr(self, f"_{verb}")(job, body)
        await self.tell()
        return web.json_response({"job_id": job.id, "status": job.status, "lease_expires_at": ""})

    def _heartbeat(self, job: Job, body: dict[str, Any]) -> None:
        job.progress.append(body["progress"])

    def _complete(self, job: Job, body: dict[str, Any]) -> None:
        job.status, job.result = "completed", body["result"]
        if self.tampers_with_results:
            job.result["sha256"] = "0" * 64

    def _fail(self, job: Job, body: dict[str, Any]) -> None:
        job.failure_reason = body["reason"]
        job.failures.append((body["reason"], body["retryable"]))
        if body["retryable"] and job.attempts < ATTEMPTS_MAX:
            job.status, job.lease = "paid", None
        else:
            job.status = "failed"
            job.refund = {"status": "submitted", "amount": job.amount, "currency": job.currency}


async def _body(request: web.Request, fields: set[str]) -> dict[str, Any]:
    body: dict[str, Any] = await request.json()
    if not body.keys() <= fields:
        raise Problem(422, "invalid")
    return body


def _check(request: web.Request, token: str) -> None:
    if request.headers.get("Authorization") != f"Bearer {token}":
        raise Problem(401, "unauthenticated")


def _app(service: Service) -> web.Application:
    @web.middleware
    async def answer_problems(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            service.suffer_outage()
            answer: web.StreamResponse = await handler(request)
        except Problem as problem:
            body = {"type": f"urn:counterfoil:problem:{problem.code}", "detail": "no"}
            return web.json_response(body, status=problem.status)
        return answer

    app = web.Application(middlewares=[answer_problems])
    app.router.add_get("/api/offers", service.offers)
    app.router.add_post("/api/payments/checkout-session", service.checkout)
    app.router.add_get("/api/payments/status/{session_id}", service.payment)
    app.router.add_post("/api/jobs/lease", service.lease)
    app.router.add_get("/api/jobs/{job_id}", service.read)
    app.router.add_post("/api/jobs/{job_id}/cancel", service.cancel)
    app.router.add_post("/api/jobs/{job_id}/checkout-session", service.pay_again)
    app.router.add_post("/api/jobs/{job_id}/{verb:heartbeat|complete|fail}", service.about_job)
    app.router.add_post("/_sandbox/checkout/{session_id}/pay", service.pay)
    return app


@asynccontextmanager
async def serve_service() -> AsyncIterator[Service]:
    service = Service()
    # A worker that waits for work must not keep a test waiting for its end.
    server = TestServer(_app(service), shutdown_timeout=0.1)
    await server.start_server()
    service.url = str(server.make_url("")).rstrip("/")
    try:
        yield service
    finally:
        await server.close()
