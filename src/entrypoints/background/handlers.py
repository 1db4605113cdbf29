"""What the background process does with one row: do it, and write down what became of it."""

from __future__ import annotations

import structlog

from domain.outbox.errors import FencedOut
from domain.outbox.model import Effect, Operation
from domain.payments.errors import ProviderMisconfigured, ProviderRefused, ProviderUnavailable
from domain.provider_events.model import InboxEntry
from domain.shared.errors import StorageUnavailable
from entrypoints.application import BackgroundWork

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def handle_event(work: BackgroundWork, entry: InboxEntry) -> None:
    """Apply one claimed event. Whatever happens, no other event is kept from its turn."""
    facts = {"event_id": entry.event_id, "kind": entry.kind, "attempt": entry.attempt}
    try:
        verdict = await work.apply_event(entry)
    except FencedOut:
        log.warning("provider_event.fenced_out", **facts)
    except StorageUnavailable as error:
        # Nothing can be written now: the lease runs out, and somebody claims it again.
        log.warning("provider_event.not_recorded", error=str(error), **facts)
    except (ProviderUnavailable, ProviderMisconfigured) as error:
        await _retry_event(work, entry, reason=str(error), crashed=False)
    except ProviderRefused as error:
        await _retry_event(work, entry, reason=str(error), crashed=True)
    except Exception as error:
        log.exception("provider_event.crashed", **facts)
        await _retry_event(work, entry, reason=_in_short(error), crashed=True)
    else:
        log.info("provider_event.settled", state=verdict.state, reason=verdict.reason, **facts)


async def _retry_event(
    work: BackgroundWork, entry: InboxEntry, *, reason: str, crashed: bool
) -> None:
    try:
        verdict = await work.retry_event(entry, reason=reason, crashed=crashed)
    except (FencedOut, StorageUnavailable) as error:
        log.warning("provider_event.not_recorded", event_id=entry.event_id, error=str(error))
        return
    log.warning(
        "provider_event.postponed",
        event_id=entry.event_id,
        kind=entry.kind,
        attempt=entry.attempt,
        state=verdict.state,
        reason=reason,
    )


async def handle_effect(work: BackgroundWork, effect: Effect) -> None:
    """Do one claimed effect. Whatever happens, no other effect is kept from its turn."""
    facts = {
        "operation": effect.operation,
        "entity_id": effect.entity_id,
        "attempt": effect.attempt,
    }
    try:
        await _do(work, effect)
    except FencedOut:
        log.warning("effect.fenced_out", **facts)
    except StorageUnavailable as error:
        log.warning("effect.not_recorded", error=str(error), **facts)
    except (ProviderUnavailable, ProviderRefused) as error:
        # The use case has written down what follows from it.
        log.warning("effect.postponed", reason=str(error), **facts)
    except Exception as error:
        log.exception("effect.crashed", **facts)
        await _retry_effect(work, effect, reason=_in_short(error))
    else:
        log.info("effect.settled", **facts)


async def _do(work: BackgroundWork, effect: Effect) -> None:
    match effect.operation:
        case Operation.CHECKOUT_OPEN:
            await work.send_checkout(effect)
        case Operation.CHECKOUT_EXPIRE:
            await work.send_expiry(effect)
        case Operation.REFUND_CREATE:
            await work.send_refund(effect)


async def _retry_effect(work: BackgroundWork, effect: Effect, *, reason: str) -> None:
    try:
        await work.retry_effect(effect, reason=reason)
    except (FencedOut, StorageUnavailable) as error:
        log.warning("effect.not_recorded", entity_id=effect.entity_id, error=str(error))


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
