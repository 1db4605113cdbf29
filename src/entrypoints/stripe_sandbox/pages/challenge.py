"""The page of the cardholder's bank: is it you who is paying?"""

from typing import Final

from aiohttp import web

from entrypoints.stripe_sandbox.banking.authenticating import answered, waiting_for
from entrypoints.stripe_sandbox.banking.cards import BY_NUMBER
from entrypoints.stripe_sandbox.pages.asked_for import session_asked_for
from entrypoints.stripe_sandbox.pages.rendering import rendered, see_other
from entrypoints.stripe_sandbox.resources.payment_intents import PAYMENT_INTENT
from entrypoints.stripe_sandbox.sandbox import SANDBOX

ANSWERS: Final = {"complete": True, "fail": False}


async def show(request: web.Request) -> web.Response:
    session, sandbox = session_asked_for(request), request.app[SANDBOX]
    challenge = waiting_for(sandbox, session)
    if challenge is None:
        return see_other(f"/c/pay/{session['id']}")
    intent = sandbox.books.all(PAYMENT_INTENT)[session["payment_intent"]]
    return rendered(
        "challenge.html",
        leads_to=session["success_url"],
        session=session,
        merchant=sandbox.settings.merchant_name,
        amount=intent["amount"],
        currency=intent["currency"],
        last4=BY_NUMBER[challenge["card"]].number[-4:],
        now=sandbox.clock.now(),
    )


async def answer(request: web.Request) -> web.Response:
    """Back to the payment page, which tells what came of it, unless it is paid."""
    session, sandbox = session_asked_for(request), request.app[SANDBOX]
    said = str((await request.post()).get("answer", ""))
    if said not in ANSWERS:
        raise web.HTTPBadRequest(text=f"answer must be one of {', '.join(ANSWERS)}.")
    already_planned = sandbox.planned()
    with sandbox.books.unit():
        outcome = answered(sandbox, session, authenticated=ANSWERS[said])
    await sandbox.kept(already_planned)
    return see_other(outcome.redirect_url or f"/c/pay/{session['id']}?refused=1")


ROUTES: Final = (
    web.get("/c/pay/{id}/challenge", show),
    web.post("/c/pay/{id}/challenge", answer),
)
