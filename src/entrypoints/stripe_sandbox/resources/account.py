"""The account the sandbox is."""

from typing import Final

from entrypoints.stripe_sandbox.books import Json
from entrypoints.stripe_sandbox.resources.resource import Call, Endpoint, Resource, whole_list
from entrypoints.stripe_sandbox.wire.errors import ApiError

ACCOUNT: Final = "account"
# Long ago, and the same after every reset.
CREATED: Final = 1_767_225_600
REQUIREMENTS: Final[Json] = {
    "alternatives": [],
    "current_deadline": None,
    "currently_due": [],
    "disabled_reason": None,
    "errors": [],
    "eventually_due": [],
    "past_due": [],
    "pending_verification": [],
}


def account_object(account_id: str) -> Json:
    return {
        "id": account_id,
        "object": ACCOUNT,
        "business_profile": {"mcc": None, "name": "Stripe sandbox", "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": CREATED,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "external_accounts": whole_list(f"/v1/accounts/{account_id}/external_accounts", []),
        "future_requirements": REQUIREMENTS,
        "metadata": {},
        "payouts_enabled": True,
        "requirements": REQUIREMENTS,
        "settings": {
            "card_payments": {"statement_descriptor_prefix": "STRIPE SANDBOX"},
            "dashboard": {"display_name": "Stripe sandbox", "timezone": "Etc/UTC"},
            "payments": {"statement_descriptor": "STRIPE SANDBOX"},
            "payouts": {
                "debit_negative_balances": True,
                "schedule": {"delay_days": 2, "interval": "daily"},
                "statement_descriptor": None,
            },
        },
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": "standard",
    }


def retrieve(call: Call) -> Json:
    return account_object(call.sandbox.settings.account_id)


def retrieve_by_id(call: Call) -> Json:
    if call.ids[0] != call.sandbox.settings.account_id:
        raise ApiError(
            message="The provided key does not have access to account "
            f"'{call.ids[0]}' (or that account does not exist). Application access may have been "
            "revoked.",
            status=403,
            code="account_invalid",
        )
    return retrieve(call)


RESOURCE: Final = Resource(
    object=ACCOUNT,
    endpoints=(
        Endpoint(method="GET", path="/v1/account", handle=retrieve, returns=ACCOUNT),
        Endpoint(method="GET", path="/v1/accounts/{id}", handle=retrieve_by_id, returns=ACCOUNT),
    ),
)
