"""Every request the API received, as the control plane shows it."""

from typing import Any, Final

import msgspec

from entrypoints.stripe_sandbox.clock import iso
from entrypoints.stripe_sandbox.sandbox import Sandbox
from entrypoints.stripe_sandbox.wire.idempotency import Answer

KIND: Final = "_journal"
ENTRIES_KEPT: Final = 50_000


def note(
    sandbox: Sandbox,
    *,
    method: str,
    path: str,
    idempotency_key: str | None,
    api_version: str,
    params: Any,
    answer: Answer,
    fault: str | None,
) -> None:
    """Inside a unit. A status of 0 is a request that was never carried out nor answered."""
    entry = {
        "id": answer.request_id,
        "at": iso(sandbox.clock.now()),
        "method": method,
        "path": path,
        "idempotency_key": idempotency_key,
        "api_version": api_version,
        "params": params,
        "status": answer.status or None,
        "request_id": answer.request_id,
        "object": object_id(answer.body),
        "replayed": answer.first_request is not None,
        "fault": fault,
    }
    sandbox.books.put(KIND, entry)
    sandbox.books.trim(KIND, ENTRIES_KEPT)


class Named(msgspec.Struct):
    id: str | None = None


def object_id(body: bytes) -> str | None:
    """The id of the object answered with, if it was one."""
    return msgspec.json.decode(body, type=Named).id
