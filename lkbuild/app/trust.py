"""Use cases around signatures: make a key, show whose results count, and put both into the plan of a remote."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lkbuild.app.options import BuildOptions
from lkbuild.loading.cache_policy import load_cache_policy
from lkbuild.loading.workspace import find_workspace
from lkbuild.model.cache_policy import RemotePolicy, TrustedKey, key_text

if TYPE_CHECKING:
    from lkbuild.remote.opening import Plan
    from lkbuild.remote.signing import SigningKey


def keygen(path: Path) -> dict[str, Any]:
    """Make a private key in a new file; its public half, as the policy takes it. Raises UsageError, HostError."""
    from lkbuild.remote.keyfile import create_key  # noqa: PLC0415 - not for those who sign nothing

    return {"file": str(path), "public": key_text(create_key(path).public())}


def trusted(options: BuildOptions) -> list[dict[str, Any]]:
    """Whose results count, with the reason where they do not now."""
    policy = load_cache_policy(options.workspace or find_workspace(options.cwd))
    now = time.time()
    return [
        {
            "name": key.name,
            "public": key_text(key.public),
            "namespaces": sorted(key.namespaces),
            "from": day_text(key.since),
            "until": day_text(key.until),
            "invalid": key.invalid(None, now),
        }
        for key in policy.keys
    ]


def signing_key(options: BuildOptions) -> SigningKey | None:
    """Our private key: of the file that was named, else of lkbuild/signing.key in the user's configuration, if it is there.

    Raises:
        UsageError: it can't be read, or others can.
    """
    path = options.signing_key
    if path is None:
        path = _configuration(options.environment) / "lkbuild/signing.key"
        if not path.exists():
            return None
    from lkbuild.remote.keyfile import read_key  # noqa: PLC0415 - not for those who sign nothing

    return read_key(path)


def trusting(plan: Plan, policy: RemotePolicy, keys: tuple[TrustedKey, ...], signing: SigningKey | None) -> Plan:
    """A plan with its trust and signer. What others would not believe, because we can't sign it, is not published."""
    from lkbuild.remote.trust import Signer, Trust  # noqa: PLC0415 - most builds have no remote

    signer = Signer(signing, policy.namespace) if signing is not None else None
    if not policy.signed:
        return replace(plan, signer=signer)
    rights = plan.rights if signer is not None else replace(plan.rights, write_blobs=False, write_results=False)
    return replace(plan, rights=rights, signer=signer, trust=Trust(keys=keys, namespace=policy.namespace))


def _configuration(environment: Mapping[str, str]) -> Path:
    base = environment.get("XDG_CONFIG_HOME", "")
    return Path(base) if base.startswith("/") else Path(environment.get("HOME", "/"), ".config")


def day_text(seconds: float | None) -> str | None:
    """A moment as its day in UTC: 2026-01-31."""
    from datetime import UTC, datetime  # noqa: PLC0415 - not for most builds

    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).date().isoformat()
