"""The hosted payment page, and the front page that lists what is in the sandbox."""

import re
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from entrypoints.stripe_sandbox.banking.cards import CARDS, Presented
from entrypoints.stripe_sandbox.banking.currencies import displayed
from entrypoints.stripe_sandbox.banking.paying import Payment, pay, success_url
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.clock import iso
from entrypoints.stripe_sandbox.resources.checkout_sessions import ORDER, SESSION
from entrypoints.stripe_sandbox.sandbox import SANDBOX, Sandbox
from entrypoints.stripe_sandbox.wire.fields import EMAIL

TEMPLATES: Final = Path(__file__).parent / "templates"
STYLE: Final = (TEMPLATES / "style.css").read_text()
LATEST_SHOWN: Final = 50
EXPIRY: Final = re.compile(r"\s*(\d{1,2})\s*/\s*(\d{2}|\d{4})\s*")
VERBS: Final = {"book": "Book", "donate": "Donate", "subscribe": "Subscribe"}

templates = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals["displayed"] = displayed
templates.globals["iso"] = iso


async def show(request: web.Request) -> web.Response:
    session = session_asked_for(request)
    return page_for(request, session)


async def submit(request: web.Request) -> web.Response:
    """What the form does. A refusal shows the form again, with what was typed but the card."""
    session = session_asked_for(request)
    form = {name: str(value).strip() for name, value in (await request.post()).items()}
    if not EMAIL.fullmatch(form.get("email", "")):
        return page_for(request, session, form=form, message="Your email is incomplete.")
    sandbox = request.app[SANDBOX]
    already_planned = sandbox.planned()
    with sandbox.books.unit():
        outcome = pay(sandbox, session, payment_of(form))
    await sandbox.kept(already_planned)
    if outcome.redirect_url is not None:
        # As it was given: a redirect of aiohttp's would normalise the address.
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": outcome.redirect_url})
    return page_for(request, session_asked_for(request), form=form, message=outcome.message)


async def front(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    sandbox.agenda.run_due()
    sessions = islice(reversed(sandbox.books.all(SESSION).values()), LATEST_SHOWN)
    kinds = (SESSION, "payment_intent", "charge", "refund", "event", "webhook_endpoint")
    return rendered(
        "front.html",
        sessions=list(sessions),
        counts={kind: len(sandbox.books.all(kind)) for kind in kinds},
        now=sandbox.clock.now(),
        offset_s=sandbox.clock.offset_s,
        cards=CARDS,
    )


async def style(_: web.Request) -> web.Response:
    return web.Response(text=STYLE, content_type="text/css")


def session_asked_for(request: web.Request) -> Json:
    sandbox = request.app[SANDBOX]
    sandbox.agenda.run_due()
    session = sandbox.books.get(SESSION, request.match_info["id"])
    if session is None:
        raise web.HTTPNotFound(text="There is no such checkout session.")
    return session


def payment_of(form: dict[str, str]) -> Payment:
    expiry = EXPIRY.fullmatch(form.get("expiry", ""))
    month, year = (int(expiry[1]), int(expiry[2])) if expiry else (0, 0)
    return Payment(
        presented=Presented(
            number=form.get("number", ""), exp_month=month, exp_year=year, cvc=form.get("cvc", "")
        ),
        email=form["email"],
        name=form.get("name", ""),
    )


def page_for(
    request: web.Request,
    session: Json,
    *,
    form: dict[str, str] | None = None,
    message: str | None = None,
) -> web.Response:
    if session["status"] != "open":
        return closed_page(session)
    sandbox: Sandbox = request.app[SANDBOX]
    typed = form or {}
    return rendered(
        "checkout.html",
        status=HTTPStatus.PAYMENT_REQUIRED if message else HTTPStatus.OK,
        leads_to=session["success_url"],
        session=session,
        items=sandbox.books.all(ORDER)[session["id"]]["items"],
        verb=VERBS.get(session["submit_type"] or "", "Pay"),
        email=session["customer_email"] or typed.get("email", ""),
        name=typed.get("name", ""),
        message=message,
    )


def closed_page(session: Json) -> web.Response:
    is_complete = session["status"] == "complete"
    onward = success_url(session) if is_complete else session["cancel_url"]
    return rendered("closed.html", session=session, is_complete=is_complete, onward=onward)


def rendered(
    template: str, *, status: int = HTTPStatus.OK, leads_to: str | None = None, **facts: Any
) -> web.Response:
    return web.Response(
        text=templates.get_template(template).render(facts),
        status=status,
        content_type="text/html",
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy(leads_to),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


def policy(leads_to: str | None) -> str:
    """Browsers apply form-action to where a form's answer redirects as well."""
    destination = ""
    if leads_to is not None:
        parts = urlsplit(leads_to)
        destination = f" {parts.scheme}://{parts.netloc}"
    return (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self'{destination}"
    )


ROUTES: Final = (
    web.get("/", front),
    web.get("/c/style.css", style),
    web.get("/c/pay/{id}", show),
    web.post("/c/pay/{id}", submit),
)
