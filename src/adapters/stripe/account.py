"""Whose credentials these are."""

from __future__ import annotations

import attrs
import stripe

from adapters.stripe.answers import Account, ask
from domain.payments.errors import ProviderMisconfigured, ProviderRefused


@attrs.frozen
class StripeAccount:
    """Satisfies ProviderAccount. Which mode the key is of shows on every checkout it reads."""

    client: stripe.StripeClient = attrs.field(repr=False)

    async def account_id(self) -> str:
        try:
            answer = await ask(self.client.v1.accounts.retrieve_current_async(), Account)
        except ProviderRefused as refused:
            raise ProviderMisconfigured(
                f"Stripe does not say whose key this is: {refused.reason}"
            ) from None
        return answer.said.id
