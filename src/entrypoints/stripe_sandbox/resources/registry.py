"""All resources: a new one is a file beside this one and a line here."""

from collections.abc import Mapping
from typing import Final

from entrypoints.stripe_sandbox.banking import debiting
from entrypoints.stripe_sandbox.resources import (
    account,
    balance_transactions,
    charges,
    checkout_sessions,
    events,
    payment_intents,
    refunds,
    webhook_endpoints,
)
from entrypoints.stripe_sandbox.resources.resource import Resource
from entrypoints.stripe_sandbox.sandbox import Action

RESOURCES: Final[tuple[Resource, ...]] = (
    account.RESOURCE,
    balance_transactions.RESOURCE,
    charges.RESOURCE,
    checkout_sessions.RESOURCE,
    events.RESOURCE,
    payment_intents.RESOURCE,
    refunds.RESOURCE,
    webhook_endpoints.RESOURCE,
)


def actions() -> Mapping[str, Action]:
    by_resource = {name: action for each in RESOURCES for name, action in each.actions.items()}
    return {**by_resource, **debiting.ACTIONS}
