"""Our own success and cancel pages: the true state of an order, with or without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp_jinja2
import attrs
import jinja2
from aiohttp import web

from domain.jobs.policy import Caller, PagePurpose
from domain.shared.errors import Conflict, DomainError, NotFound
from domain.shared.ids import JobId
from entrypoints.http.errors import WrongMediaType, headers_of, status_of
from entrypoints.http.keys import APPLICATION, EDGE
from entrypoints.http.parsing import read_bytes
from entrypoints.http.wording import Order, order_of

routes = web.RouteTableDef()

HERE: Final = Path(__file__).parent
JOB_ID: Final = re.compile(r"[A-Za-z0-9_]{1,100}")
TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
STATIC: Final = {path.name: path.read_text() for path in sorted((HERE / "static").iterdir())}
REFRESH_S: Final = 5
SEE_OTHER: Final = 303

Context: TypeAlias = dict[str, Any]


def set_up(app: web.Application) -> None:
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@attrs.frozen(kw_only=True)
class Visit:
    """Somebody on one of our pages: which, for which job, and what they show for it."""

    page: PagePurpose
    job_id: JobId | None
    ticket: str | None = attrs.field(repr=False)

    @property
    def caller(self) -> Caller:
        return Caller(page_ticket=self.ticket)

    @property
    def query(self) -> str:
        return urlencode({"job_id": self.job_id, "ticket": self.ticket})


@routes.get("/payment/success")
async def success(request: web.Request) -> web.Response:
    return await _show(request, _visit(request, PagePurpose.SUCCESS))


@routes.get("/payment/cancel")
async def turned_back(request: web.Request) -> web.Response:
    return await _show(request, _visit(request, PagePurpose.CANCEL))


@routes.post("/payment/cancel")
async def act(request: web.Request) -> web.Response:
    """What the buttons do: pay again, or cancel. No cookie is involved, only the ticket."""
    form = await _read_form(request)
    visit = _visit_of(PagePurpose.CANCEL, form.get("job_id"), form.get("ticket"))
    try:
        if visit.job_id is None or visit.ticket is None:
            return await _show(request, visit)
        if form.get("action") == "cancel":
            await request.app[APPLICATION].cancel_job(visit.job_id, caller=visit.caller)
            return _see(f"/payment/cancel?payment=cancel&{visit.query}")
        return await _pay(request, visit, visit.job_id)
    except NotFound as error:
        return _refusal(request, visit, error)
    except DomainError as error:
        return await _show(request, visit, error)


async def _pay(request: web.Request, visit: Visit, job_id: JobId) -> web.Response:
    opened = await request.app[APPLICATION].pay_for_job(job_id, caller=visit.caller)
    url = opened.session_url or ""
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" == request.app[EDGE].checkout_origin:
        return _see(url)
    # Browsers hold redirects of a form to form-action, which cannot name a shop's own domain at
    # the provider: a link may lead there.
    return _rendered(request, visit, "onward.html", {"url": url})


def _see(url: str) -> web.Response:
    # As it was given: a redirect of aiohttp's would normalise the address.
    return web.Response(status=SEE_OTHER, headers={"Location": url})


def _visit(request: web.Request, page: PagePurpose) -> Visit:
    """Take the ticket from the header, as our script sends it, else from the address."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    ticket = token.strip() if scheme.lower() == "bearer" else request.query.get("ticket")
    return _visit_of(page, request.query.get("job_id"), ticket)


def _visit_of(page: PagePurpose, job_id: str | None, ticket: str | None) -> Visit:
    known = job_id is not None and JOB_ID.fullmatch(job_id) is not None
    shown = ticket if ticket and ticket.isascii() else None
    return Visit(page=page, job_id=JobId(job_id) if known and job_id else None, ticket=shown)


async def _read_form(request: web.Request) -> dict[str, str]:
    raw = await read_bytes(request)
    if request.content_type != "application/x-www-form-urlencoded":
        raise WrongMediaType("Send the form as it is on the page")
    return dict(parse_qsl(raw.decode(errors="replace"), max_num_fields=10))


async def _show(
    request: web.Request, visit: Visit, error: DomainError | None = None
) -> web.Response:
    """Show the order as it stands; *error* is why what was asked for could not be done."""
    if visit.job_id is None or visit.ticket is None:
        return _rendered(request, visit, "closed.html", {})
    try:
        order = await _order(request, visit, visit.job_id)
    except DomainError as refusal:
        return _refusal(request, visit, refusal)
    if isinstance(error, Conflict) and not (order.may_pay or order.may_cancel):
        # It went another way meanwhile: where it is followed says which.
        return _see(f"/payment/success?payment=success&{visit.query}")
    follow_s = REFRESH_S if request.method == "GET" and not order.is_settled else None
    notice = _notice(error) if error is not None else None
    context = {"order": order, "notice": notice, "follow_s": follow_s}
    return _rendered(request, visit, "order.html", context, error)


async def _order(request: web.Request, visit: Visit, job_id: JobId) -> Order:
    application = request.app[APPLICATION]
    view = await application.read_job(job_id, caller=visit.caller)
    names = {offer.slug: offer.name for offer in await application.list_offers()}
    return order_of(
        view,
        visit.page,
        offer_name=names.get(view.offer, view.offer),
        minor_digits=application.minor_digits,
    )


def _notice(error: DomainError) -> str:
    if isinstance(error, Conflict):
        why = getattr(error, "why", None)
        return f"That was not possible: {why}." if why else "Somebody is at it: try again shortly."
    return "The payment page cannot be reached at present. Nothing was charged: try again shortly."


def _refusal(request: web.Request, visit: Visit, error: DomainError) -> web.Response:
    context = {"is_unknown": isinstance(error, NotFound)}
    return _rendered(request, visit, "refused.html", context, error)


def _rendered(
    request: web.Request,
    visit: Visit,
    template: str,
    context: Context,
    error: DomainError | None = None,
) -> web.Response:
    edge = request.app[EDGE]
    response = aiohttp_jinja2.render_template(
        template,
        request,
        {"visit": visit, "support": edge.support_contact, "follow_s": None, **context},
        status=200 if error is None else status_of(error),
    )
    response.headers.update(headers_of(error) if error is not None else {})
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        f"img-src 'self'; form-action 'self' {edge.checkout_origin}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return response


@routes.get("/payment/static/{name}")
async def static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in STATIC:
        raise web.HTTPNotFound
    return web.Response(
        text=STATIC[name],
        content_type=TYPES[name.rpartition(".")[2]],
        headers={"Cache-Control": "public, max-age=300"},
    )
