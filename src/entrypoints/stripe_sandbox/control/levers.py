"""All of the control plane."""

from typing import Final

from entrypoints.stripe_sandbox.control import (
    checkout,
    clock,
    deliveries,
    faults,
    records,
    refunds,
)

LEVERS: Final = (
    *checkout.LEVERS,
    *clock.LEVERS,
    *refunds.LEVERS,
    *faults.LEVERS,
    *deliveries.LEVERS,
    *records.LEVERS,
)
