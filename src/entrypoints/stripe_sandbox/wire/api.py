"""Stripe's API as a whole: what every request goes through, in Stripe's order.

Authentication and the rate limiter come first and are remembered by no key; then the key, then
the parameters, then the execution whose outcome the key remembers, whatever it is.
"""

import asyncio
import re
import sqlite3
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import attrs
import msgspec
import structlog
from aiohttp import web

from entrypoints.stripe_sandbox.delivery.announcing import Cause
from entrypoints.stripe_sandbox.faults import Fault
from entrypoints.stripe_sandbox.ids import new_request_id
from entrypoints.stripe_sandbox.resources.resource import Call, Endpoint, Resource
from entrypoints.stripe_sandbox.sandbox import SANDBOX, Sandbox
from entrypoints.stripe_sandbox.wire import idempotency, journal
from entrypoints.stripe_sandbox.wire.authentication import authenticate
from entrypoints.stripe_sandbox.wire.broken import broken_answer, error_of, hang, respond, vanish
from entrypoints.stripe_sandbox.wire.errors import (
    ApiError,
    internal,
    invalid,
    lock_timeout,
    rate_limited,
)
from entrypoints.stripe_sandbox.wire.expansion import Expander
from entrypoints.stripe_sandbox.wire.fields import read_parameters
from entrypoints.stripe_sandbox.wire.forms import Form, parse_form
from entrypoints.stripe_sandbox.wire.idempotency import Answer
from entrypoints.stripe_sandbox.wire.routing import Router

VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z_]+)?")
FORM_TYPE: Final = "application/x-www-form-urlencoded"
NOT_A_FORM: Final = (
    f"Invalid request (check that your POST content type is {FORM_TYPE}). If you have any "
    "questions, we can help at https://support.stripe.com/."
)

log = structlog.get_logger(__name__)


@attrs.define(kw_only=True)
class Exchange:
    """One request on its way through, and the idempotency key it has claimed."""

    request: web.Request
    sandbox: Sandbox
    fault: Fault | None
    request_id: str = attrs.field(factory=new_request_id)
    form: Form = attrs.field(factory=dict)
    unreadable: ApiError | None = None
    claimed: str | None = None

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        return self.request.rel_url.raw_path

    @property
    def key(self) -> str | None:
        """Keys mean something on POST only."""
        return self.request.headers.get("Idempotency-Key") if self.method == "POST" else None

    @property
    def version(self) -> str:
        default = self.sandbox.settings.api_version
        return self.request.headers.get("Stripe-Version", default)

    def claim(self) -> None:
        if self.key:
            self.claimed = idempotency.scoped(self.sandbox, self.key)
            self.sandbox.in_flight.add(self.claimed)

    def release(self) -> None:
        if self.claimed is not None:
            self.sandbox.in_flight.discard(self.claimed)
            self.claimed = None


class Api:
    def __init__(self, resources: Iterable[Resource]) -> None:
        declared = tuple(resources)
        self._router = Router(endpoint for each in declared for endpoint in each.endpoints)
        self._expander = Expander({each.object: each.expandable for each in declared})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        sandbox = request.app[SANDBOX]
        sandbox.agenda.run_due()
        fault = sandbox.faults.strike(request.method, request.path)
        exchange = await received(request, sandbox, fault)
        if fault is not None and fault.kind == "timeout_before":
            return await self._silence(exchange, fault)
        already_planned = sandbox.planned()
        try:
            answer = await self._answer(exchange)
            self._note(exchange, answer)
            answer = await self._kept(exchange, answer, already_planned)
            headers = headers_of(exchange, answer)
            exchange.release()
            if fault is not None:
                return await broken_answer(request, sandbox.closing, fault, answer, headers)
            return respond(answer, headers)
        finally:
            exchange.release()

    async def _kept(self, exchange: Exchange, answer: Answer, already_planned: int) -> Answer:
        """What cannot be kept is not answered; the same key finds the answer later."""
        try:
            await exchange.sandbox.kept(already_planned)
        except sqlite3.Error:
            log.exception("state.not_kept", request_id=exchange.request_id)
            return refusal_of(exchange, internal())
        return answer

    async def _silence(self, exchange: Exchange, fault: Fault) -> web.StreamResponse:
        unanswered = Answer(status=0, body=b"{}", request_id=exchange.request_id)
        self._note(exchange, unanswered)
        await hang(exchange.request, exchange.sandbox.closing, fault.delay_s)
        return vanish(exchange.request)

    async def _answer(self, exchange: Exchange) -> Answer:
        try:
            return await self._through_the_layers(exchange)
        except ApiError as refusal:
            return refusal_of(exchange, refusal)

    async def _through_the_layers(self, exchange: Exchange) -> Answer:
        sandbox = exchange.sandbox
        authenticate(exchange.request.headers, sandbox.settings.account_id)
        stopped_at_the_edge(exchange.fault)
        check_version(exchange.version)
        endpoint, ids = self._router.find(exchange.method, exchange.path)
        if exchange.unreadable is not None:
            raise exchange.unreadable
        mark = idempotency.fingerprint(exchange.method, exchange.path, exchange.form)
        if exchange.key:
            known = idempotency.remembered(
                sandbox, exchange.key, exchange.path, mark, exchange.request_id
            )
            if known is not None:
                return known
        call = self._call(exchange, endpoint, ids)
        exchange.claim()
        if exchange.fault is not None and exchange.fault.kind == "slow":
            await asyncio.sleep(exchange.fault.delay_s)
            sandbox.agenda.run_due()
        return self._execute(exchange, endpoint, call, mark)

    def _call(self, exchange: Exchange, endpoint: Endpoint, ids: tuple[str, ...]) -> Call:
        for name, gone in endpoint.gone.items():
            if name in exchange.form and exchange.version >= gone.since:
                raise invalid(gone.message, param=name, code=gone.code)
        params = read_parameters(endpoint.params, exchange.form)
        self._expander.check(params.get("expand", ()), endpoint)
        return Call(
            sandbox=exchange.sandbox,
            params=params,
            ids=ids,
            cause=Cause(exchange.request_id, exchange.key),
            path=exchange.path,
            base_url=base_url(exchange),
        )

    def _execute(self, exchange: Exchange, endpoint: Endpoint, call: Call, mark: str) -> Answer:
        """Changes and what the key remembers of them are kept together or not at all."""
        books = exchange.sandbox.books
        try:
            with books.unit():
                answer = self._outcome(exchange, endpoint, call)
                self._remember(exchange, mark, answer)
        except ApiError as refusal:
            answer = refusal_of(exchange, refusal)
            if refusal.kept:
                with books.unit():
                    self._remember(exchange, mark, answer)
        except Exception:
            log.exception("request.failed", path=exchange.path, request_id=exchange.request_id)
            answer = refusal_of(exchange, internal())
            with books.unit():
                self._remember(exchange, mark, answer)
        return answer

    def _outcome(self, exchange: Exchange, endpoint: Endpoint, call: Call) -> Answer:
        fault = exchange.fault
        fails = fault is not None and fault.kind == "error"
        if fault is not None and fails and not fault.applied:
            raise error_of(fault)
        thing = endpoint.handle(call)
        if fault is not None and fails:
            return refusal_of(exchange, error_of(fault))
        shown = self._expander.expanded(exchange.sandbox, thing, call.params.get("expand", ()))
        return Answer(status=HTTPStatus.OK, body=rendered(shown), request_id=exchange.request_id)

    def _remember(self, exchange: Exchange, mark: str, answer: Answer) -> None:
        if exchange.key:
            idempotency.remember(exchange.sandbox, exchange.key, exchange.path, mark, answer)

    def _note(self, exchange: Exchange, answer: Answer) -> None:
        with exchange.sandbox.books.unit():
            journal.note(
                exchange.sandbox,
                method=exchange.method,
                path=exchange.path,
                idempotency_key=exchange.key,
                api_version=exchange.version,
                params=exchange.form,
                answer=answer,
                fault=exchange.fault.kind if exchange.fault else None,
            )


async def received(request: web.Request, sandbox: Sandbox, fault: Fault | None) -> Exchange:
    """The parameters are read before anything else, for the journal; refused in their turn."""
    exchange = Exchange(request=request, sandbox=sandbox, fault=fault)
    try:
        exchange.form = parse_form(await encoded_parameters(request))
    except ApiError as refusal:
        exchange.unreadable = refusal
    return exchange


async def encoded_parameters(request: web.Request) -> str:
    query = request.rel_url.raw_query_string
    try:
        body = (await request.read()).decode()
    except UnicodeDecodeError as error:
        raise invalid("Invalid request: the body is not valid UTF-8.") from error
    except web.HTTPRequestEntityTooLarge as error:
        raise ApiError(
            message="Request body too large.", status=error.status, kept=False
        ) from error
    if body and request.content_type not in {FORM_TYPE, "application/octet-stream"}:
        raise invalid(NOT_A_FORM)
    return "&".join(filter(None, (query, body)))


def stopped_at_the_edge(fault: Fault | None) -> None:
    if fault is None:
        return
    if fault.kind == "rate_limit":
        raise rate_limited()
    if fault.kind == "lock_timeout":
        raise lock_timeout()
    if fault.kind == "error" and not fault.kept and not fault.applied:
        raise error_of(fault)


def check_version(version: str) -> None:
    if VERSION.fullmatch(version) is None:
        raise invalid(f"Invalid Stripe API version: {version}")


def base_url(exchange: Exchange) -> str:
    configured = exchange.sandbox.settings.public_url.rstrip("/")
    return configured or str(exchange.request.url.origin())


def refusal_of(exchange: Exchange, refusal: ApiError) -> Answer:
    return Answer(
        status=refusal.status,
        body=rendered(refusal.body(exchange.request_id)),
        request_id=exchange.request_id,
        headers=dict(refusal.headers),
    )


def rendered(thing: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(thing), indent=2)


def headers_of(exchange: Exchange, answer: Answer) -> dict[str, str]:
    headers = {
        "Cache-Control": "no-cache, no-store",
        "Request-Id": answer.request_id,
        "Stripe-Version": exchange.version,
        **answer.headers,
    }
    if exchange.key:
        headers["Idempotency-Key"] = exchange.key
    if answer.first_request is not None:
        headers["Idempotent-Replayed"] = "true"
        headers["Original-Request"] = answer.first_request
    return headers
