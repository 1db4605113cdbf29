"""All of the control plane."""

from typing import Final

from entrypoints.stripe_sandbox.control import (
    checkout,
    clock,
    debits,
    deliveries,
    faults,
    records,
    refunds,
)

LEVERS: Final = (
    *checkout.LEVERS,
    *clock.LEVERS,
    *debits.LEVERS,
    *refunds.LEVERS,
    *faults.LEVERS,
    *deliveries.LEVERS,
    *records.LEVERS,
)
