"""Where events go and which secrets sign them.

The endpoint of the settings is an ordinary webhook endpoint with a fixed id. Its secrets stay
in memory; those of endpoints made over the API are in the books, apart from the object, which
never shows its secret again.
"""

from typing import Final

from entrypoints.stripe_sandbox.books import Books, Json
from entrypoints.stripe_sandbox.settings import SandboxSettings

ENDPOINT: Final = "webhook_endpoint"
SECRET: Final = "_endpoint_secret"  # noqa: S105  a kind in the books, not a secret
CONFIGURED_ID: Final = "we_1SandboxSettings000001"


def configure_endpoint(books: Books, settings: SandboxSettings, *, now: int) -> None:
    known = books.get(ENDPOINT, CONFIGURED_ID)
    if settings.webhook_url is None:
        if known is not None:
            books.delete(ENDPOINT, CONFIGURED_ID)
        return
    wanted = endpoint_object(
        CONFIGURED_ID,
        url=settings.webhook_url,
        created=known["created"] if known else now,
        api_version=settings.api_version,
    )
    if wanted != known:
        books.put(ENDPOINT, wanted)


def endpoint_object(endpoint_id: str, *, url: str, created: int, api_version: str | None) -> Json:
    return {
        "id": endpoint_id,
        "object": ENDPOINT,
        "api_version": api_version,
        "application": None,
        "created": created,
        "description": None,
        "enabled_events": ["*"],
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
    }


def secrets_of(books: Books, settings: SandboxSettings, endpoint_id: str) -> tuple[str, ...]:
    if endpoint_id == CONFIGURED_ID:
        return settings.webhook_secrets
    kept = books.get(SECRET, endpoint_id)
    return tuple(kept["secrets"]) if kept else ()


def wants(endpoint: Json, event_type: str) -> bool:
    if endpoint["status"] != "enabled":
        return False
    return "*" in endpoint["enabled_events"] or event_type in endpoint["enabled_events"]
