"""The hosted payment page."""

import re
from http import HTTPStatus
from typing import Final

import attrs
from aiohttp import web

from entrypoints.stripe_sandbox.banking.authenticating import FAILED_CODE, FAILED_MESSAGE
from entrypoints.stripe_sandbox.banking.cards import Presented
from entrypoints.stripe_sandbox.banking.currencies import displayed
from entrypoints.stripe_sandbox.banking.model import SEPA_DEBIT, Account, Payment
from entrypoints.stripe_sandbox.banking.paying import pay
from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.pages import hints
from entrypoints.stripe_sandbox.pages.asked_for import session_asked_for
from entrypoints.stripe_sandbox.pages.closed import closed_page
from entrypoints.stripe_sandbox.pages.rendering import rendered, see_other
from entrypoints.stripe_sandbox.resources.checkout_sessions import ORDER
from entrypoints.stripe_sandbox.resources.payment_intents import PAYMENT_INTENT
from entrypoints.stripe_sandbox.sandbox import SANDBOX, Sandbox
from entrypoints.stripe_sandbox.wire.fields import EMAIL

# Phones that show digits only have no slash to type.
EXPIRY: Final = re.compile(r"\s*(\d{1,2})\s*/?\s*(\d{2}|\d{4})\s*")
VERBS: Final = {"book": "Book", "donate": "Donate", "subscribe": "Subscribe"}
FIELDS: Final = {
    "email_invalid": "email",
    "expired_card": "expiry",
    "incorrect_cvc": "cvc",
    "invalid_bank_account_iban": "iban",
    "invalid_cvc": "cvc",
    "invalid_expiry_month": "expiry",
    "invalid_expiry_year": "expiry",
}
Form = dict[str, str]


@attrs.frozen
class Problem:
    """Why a payment was not taken, as the customer is told it."""

    code: str
    message: str

    @property
    def field(self) -> str:
        return FIELDS.get(self.code, "number")


NO_EMAIL: Final = Problem("email_invalid", "Your email is incomplete.")


async def show(request: web.Request) -> web.Response:
    session = session_asked_for(request)
    if "refused" in request.query:
        return after_challenge(request, session)
    return page_for(request, session, {"method": request.query.get("method", "card")})


async def submit(request: web.Request) -> web.Response:
    """What the form does. A refusal shows the form again, with what was typed but the card."""
    session = session_asked_for(request)
    form = {name: str(value).strip() for name, value in (await request.post()).items()}
    if not EMAIL.fullmatch(form.get("email", "")):
        return page_for(request, session, form, NO_EMAIL)
    sandbox = request.app[SANDBOX]
    already_planned = sandbox.planned()
    with sandbox.books.unit():
        outcome = pay(sandbox, session, payment_of(form))
    await sandbox.kept(already_planned)
    if outcome.redirect_url is not None:
        return see_other(outcome.redirect_url)
    if outcome.next_action is not None:
        return see_other(f"/c/pay/{session['id']}/challenge")
    problem = Problem(outcome.code or "", outcome.message or "")
    return page_for(request, session_asked_for(request), form, problem)


def payment_of(form: Form) -> Payment:
    return Payment(presented=presented(form), email=form["email"], name=form.get("name", ""))


def presented(form: Form) -> Presented | Account:
    if form.get("method") == SEPA_DEBIT:
        return Account(iban=form.get("iban", ""))
    expiry = EXPIRY.fullmatch(form.get("expiry", ""))
    month, year = (int(expiry[1]), int(expiry[2])) if expiry else (0, 0)
    return Presented(
        number=form.get("number", ""), exp_month=month, exp_year=year, cvc=form.get("cvc", "")
    )


def after_challenge(request: web.Request, session: Json) -> web.Response:
    """The page again, with what the bank said and who was paying."""
    intents = request.app[SANDBOX].books.all(PAYMENT_INTENT)
    error = intents.get(session["payment_intent"] or "", {}).get("last_payment_error")
    if error is None:
        return page_for(request, session, {})
    payer = error["payment_method"]["billing_details"]
    message = FAILED_MESSAGE if error["code"] == FAILED_CODE else error["message"]
    form = {"email": payer["email"], "name": payer["name"]}
    return page_for(request, session, form, Problem(error["code"], message))


def page_for(
    request: web.Request, session: Json, form: Form, problem: Problem | None = None
) -> web.Response:
    sandbox: Sandbox = request.app[SANDBOX]
    if session["status"] != "open":
        return closed_page(sandbox, session)
    by_debit = chosen(session, form) == SEPA_DEBIT
    return rendered(
        "checkout.html",
        status=HTTPStatus.PAYMENT_REQUIRED if problem else HTTPStatus.OK,
        leads_to=session["success_url"],
        session=session,
        merchant=sandbox.settings.merchant_name,
        items=sandbox.books.all(ORDER)[session["id"]]["items"],
        total=displayed(session["amount_total"], session["currency"]),
        verb=VERBS.get(session["submit_type"] or "", "Pay"),
        by_debit=by_debit,
        hints=hints.ACCOUNTS if by_debit else hints.ON_CHECKOUT,
        email=session["customer_email"] or form.get("email", ""),
        name=form.get("name", ""),
        problem=problem,
    )


def chosen(session: Json, form: Form) -> str:
    """The method asked for if the session takes it, else the first that it does."""
    methods: list[str] = session["payment_method_types"]
    wanted = form.get("method", "card")
    return wanted if wanted in methods else methods[0]


ROUTES: Final = (web.get("/c/pay/{id}", show), web.post("/c/pay/{id}", submit))
