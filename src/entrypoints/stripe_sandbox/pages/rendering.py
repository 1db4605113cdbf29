"""How every page is answered: from a template, under a policy that runs nothing foreign."""

from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from entrypoints.stripe_sandbox.banking.currencies import displayed
from entrypoints.stripe_sandbox.pages.hints import tone_of

TEMPLATES: Final = Path(__file__).parent / "templates"
# Read once: they are part of the program.
STATIC: Final = {
    "style.css": ("text/css", (TEMPLATES / "style.css").read_text()),
    "fill.js": ("text/javascript", (TEMPLATES / "fill.js").read_text()),
    "icon.svg": ("image/svg+xml", (TEMPLATES / "icon.svg").read_text()),
}

templates = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def moment(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%d %b %Y, %H:%M UTC")


templates.globals["displayed"] = displayed
templates.globals["moment"] = moment
templates.globals["tone_of"] = tone_of


def rendered(
    template: str, *, status: int = HTTPStatus.OK, leads_to: str | None = None, **facts: Any
) -> web.Response:
    """*leads_to* is an address outside to which the answer to the page's form redirects."""
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
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action 'self'{destination}"
    )


def see_other(address: str) -> web.Response:
    """As it was given: a redirect of aiohttp's would normalise the address."""
    headers = {"Location": address, "Referrer-Policy": "no-referrer"}
    return web.Response(status=HTTPStatus.SEE_OTHER, headers=headers)


async def static(request: web.Request) -> web.Response:
    content_type, text = STATIC[request.match_info["name"]]
    headers = {"X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, content_type=content_type, headers=headers)


ROUTES: Final = (web.get("/c/{name:style\\.css|fill\\.js|icon\\.svg}", static),)
