"""The `keys:` of `cache/cache.yaml`: whose results count, where and when. Does not know how a signature is checked."""

from __future__ import annotations

from typing import Final

from lkbuild.base.errors import LoadError
from lkbuild.loading.coerce import Coercer
from lkbuild.model.attrs import Attr, Boolean, FrozenMap, ListOf, String, Struct
from lkbuild.model.cache_policy import MAIN, TrustedKey, parse_key

NAMESPACE: Final = String(pattern=r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_DATE: Final = String(pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}", lenient=True)
KEYS: Final = Attr(
    type=ListOf(
        item=Struct(
            fields={
                "name": Attr(type=String(pattern=r"[A-Za-z0-9][A-Za-z0-9._@-]*"), doc="Who that is.", required=True),
                "public": Attr(type=String(), doc="The public key: ed25519:BASE64, as `lkbuild cache keygen` prints it.", required=True),
                "from": Attr(type=_DATE, doc="The first day on which it counts, UTC: 2026-01-31."),
                "until": Attr(type=_DATE, doc="The first day on which it does not count any more."),
                "namespaces": Attr(type=ListOf(item=NAMESPACE), doc="Where it counts: namespaces of remotes.", default=(MAIN,)),
                "revoked": Attr(type=Boolean(), doc="It does not count any more, whatever it signed when.", default=False),
            }
        )
    ),
    doc="Builders whose results count: then remotes give only what one of them has signed.",
    default=(),
    configurable=False,
)


def trusted_keys(coercer: Coercer, items: tuple[FrozenMap, ...]) -> tuple[TrustedKey, ...]:
    """The keys that a policy lists. Raises LoadError at a day that is none, at a key that is none or stands there twice."""
    found: list[TrustedKey] = []
    for index, item in enumerate(items):
        key = TrustedKey(
            name=item["name"],
            public=_public(coercer, index, item["public"]),
            namespaces=frozenset(item["namespaces"]),
            since=_day(coercer, index, item, "from"),
            until=_day(coercer, index, item, "until"),
            revoked=item["revoked"],
        )
        for other in found:
            if other.name == key.name:
                raise _wrong(coercer, index, "name", f"there are two keys '{key.name}'", "one of them needs another name")
            if other.public == key.public:
                raise _wrong(coercer, index, "public", f"this is the key '{other.name}'", "take one of them out")
        found.append(key)
    return tuple(found)


def _public(coercer: Coercer, index: int, text: str) -> bytes:
    try:
        return parse_key(text)
    except ValueError:
        raise _wrong(coercer, index, "public", "no public key", "write ed25519:BASE64, as `lkbuild cache keygen` prints it") from None


def _day(coercer: Coercer, index: int, item: FrozenMap, name: str) -> float | None:
    if item[name] is None:
        return None
    from datetime import UTC, datetime  # noqa: PLC0415 - not for most builds

    try:
        return datetime.strptime(item[name], "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise _wrong(coercer, index, name, f"there is no day {item[name]}", "write 2026-01-31") from None


def _wrong(coercer: Coercer, index: int, name: str, message: str, hint: str) -> LoadError:
    return coercer.scope.source.error(coercer.spots["keys", index, name], message, hint)
