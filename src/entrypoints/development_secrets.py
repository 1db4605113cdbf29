"""Secrets for sandbox mode, so that a newcomer is asked for none.

Each is a file in the data directory, created exclusively by whichever process needs it first.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

import attrs

from entrypoints.settings import Settings


def complete(settings: Settings) -> Settings:
    """Fill in the secrets sandbox mode may go without; leave other modes alone."""
    if not settings.is_sandbox:
        return settings
    folder = settings.data_dir / "secrets"
    stripe, tokens = settings.stripe, settings.tokens
    if not stripe.webhook_secrets:
        secret = f"whsec_{_kept(folder / 'stripe_webhook_secret')}"
        stripe = attrs.evolve(stripe, webhook_secrets=(secret,))
    if tokens.secret is None and tokens.jwks_url is None:
        tokens = attrs.evolve(tokens, secret=_kept(folder / "jwt_secret"))
    ours = settings.secrets or (_kept(folder / "access_token_secret"),)
    return attrs.evolve(settings, stripe=stripe, tokens=tokens, secrets=ours)


def _kept(path: Path) -> str:
    """Return what the file holds, creating it with a fresh secret if there is none."""
    try:
        return path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, written = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link appears whole or not at all, and only one process can make it.
        Path(path).hardlink_to(written)
    except FileExistsError:
        pass
    finally:
        Path(written).unlink()
    return path.read_text()
