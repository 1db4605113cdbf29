"""Which session a page is about."""

from aiohttp import web

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.pages.closed import notice
from entrypoints.stripe_sandbox.resources.checkout_sessions import SESSION
from entrypoints.stripe_sandbox.sandbox import SANDBOX


def session_asked_for(request: web.Request) -> Json:
    """As it is now; what was due has happened. Raises the page that says there is none."""
    sandbox = request.app[SANDBOX]
    sandbox.agenda.run_due()
    session = sandbox.books.get(SESSION, request.match_info["id"])
    if session is None:
        page = notice("missing", sandbox.settings.merchant_name, onward=None)
        raise web.HTTPNotFound(text=page.text, headers=page.headers)
    return session
