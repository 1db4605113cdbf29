"""The front page: what is in the sandbox, and its clock."""

from itertools import islice
from typing import Final

from aiohttp import web

from entrypoints.stripe_sandbox.banking.refunding import REFUND
from entrypoints.stripe_sandbox.books import Books, Json
from entrypoints.stripe_sandbox.delivery.announcing import DELIVERY
from entrypoints.stripe_sandbox.delivery.endpoints import ENDPOINT
from entrypoints.stripe_sandbox.pages.hints import ALL_CARDS
from entrypoints.stripe_sandbox.pages.rendering import rendered, see_other
from entrypoints.stripe_sandbox.resources.checkout_sessions import SESSION
from entrypoints.stripe_sandbox.resources.payment_intents import PAYMENT_INTENT
from entrypoints.stripe_sandbox.sandbox import SANDBOX

LATEST_SHOWN: Final = 12
DAY_S: Final = 24 * 3600
STEPS: Final = ((3600, "1 hour"), (DAY_S, "1 day"), (3 * DAY_S, "3 days"))
KINDS: Final = {
    "sessions": SESSION,
    "intents": PAYMENT_INTENT,
    "refunds": REFUND,
    "deliveries": DELIVERY,
}


async def front(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    sandbox.agenda.run_due()
    books = sandbox.books
    return rendered(
        "front.html",
        latest={name: latest(books, kind) for name, kind in KINDS.items()},
        counts={name: len(books.all(kind)) for name, kind in KINDS.items()},
        endpoints=list(books.all(ENDPOINT).values()),
        hints=ALL_CARDS,
        now=sandbox.clock.now(),
        ahead=told_ahead(sandbox.clock.offset_s),
        steps=STEPS,
    )


async def advance(request: web.Request) -> web.Response:
    """Only the steps the page has: others are for the control plane."""
    wanted = str((await request.post()).get("seconds", ""))
    steps = {str(seconds): seconds for seconds, _ in STEPS}
    if wanted not in steps:
        raise web.HTTPBadRequest(text=f"seconds must be one of {', '.join(steps)}.")
    sandbox = request.app[SANDBOX]
    already_planned = sandbox.planned()
    sandbox.advance(steps[wanted])
    await sandbox.kept(already_planned)
    return see_other("/")


def latest(books: Books, kind: str) -> list[Json]:
    return list(islice(reversed(books.all(kind).values()), LATEST_SHOWN))


def told_ahead(offset_s: float) -> str:
    if not offset_s:
        return "As on the wall."
    days, rest = divmod(int(offset_s), DAY_S)
    hours, minutes = rest // 3600, rest % 3600 // 60
    parts = ((days, "d"), (hours, "h"), (minutes, "min"))
    told = " ".join(f"{count} {unit}" for count, unit in parts if count)
    return f"{told or f'{offset_s:g} s'} ahead of the wall."


ROUTES: Final = (web.get("/", front), web.post("/clock", advance))
