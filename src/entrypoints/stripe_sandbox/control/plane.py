"""The control plane: JSON under /_sandbox/, for tests, chaos runs and the demo."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import attrs
import msgspec
from aiohttp import web

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.sandbox import SANDBOX, Sandbox

PREFIX = "/_sandbox"
Body = TypeVar("Body")


@attrs.define(eq=False)
class ControlError(Exception):
    """*message* says what to do instead."""

    status: int
    message: str


@attrs.frozen(kw_only=True)
class Ask:
    """One call of the control plane."""

    sandbox: Sandbox
    id: str
    body: bytes
    query: Mapping[str, str]

    def read(self, expected: type[Body]) -> Body:
        """The JSON body as *expected*; an empty body is an empty object."""
        try:
            return msgspec.json.decode(self.body or b"{}", type=expected)
        except msgspec.ValidationError as error:
            raise unprocessable(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ControlError(
                HTTPStatus.BAD_REQUEST, f"The body must be a JSON object: {error}"
            ) from error


Handle = Callable[[Ask], Any]


@attrs.frozen
class Lever:
    """One call the control plane takes. `{id}` in *path* is the thing it is about."""

    method: str
    path: str
    handle: Handle


def not_found(kind: str, object_id: str) -> ControlError:
    return ControlError(HTTPStatus.NOT_FOUND, f"There is no {kind} '{object_id}' in this sandbox.")


def unprocessable(message: str) -> ControlError:
    return ControlError(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def found(ask: Ask, kind: str) -> Json:
    thing = ask.sandbox.books.get(kind, ask.id)
    if thing is None:
        raise not_found(kind, ask.id)
    return thing


def routes(levers: Iterable[Lever]) -> list[web.RouteDef]:
    known = tuple(levers)
    paths = ", ".join(sorted({f"{lever.method} {PREFIX}{lever.path}" for lever in known}))

    async def nothing_here(request: web.Request) -> web.Response:
        message = f"There is no {request.method} {request.path} here, but: {paths}"
        return answered({"error": {"message": message}}, HTTPStatus.NOT_FOUND)

    pulled = [web.route(lever.method, PREFIX + lever.path, pull(lever)) for lever in known]
    return [*pulled, web.route("*", PREFIX + "/{rest:.*}", nothing_here)]


def pull(lever: Lever) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        sandbox = request.app[SANDBOX]
        sandbox.agenda.run_due()
        ask = Ask(
            sandbox=sandbox,
            id=request.match_info.get("id", ""),
            body=await request.read(),
            query=request.query,
        )
        already_planned = sandbox.planned()
        try:
            answer = lever.handle(ask)
        except ControlError as error:
            return answered({"error": {"message": error.message}}, error.status)
        await sandbox.kept(already_planned)
        return answered(answer)

    return handle


def answered(answer: Any, status: int = HTTPStatus.OK) -> web.Response:
    body = msgspec.json.format(msgspec.json.encode(answer), indent=2)
    return web.Response(body=body, status=status, content_type="application/json")
