"""What an OCI image says of the container that runs it. Pure: the configuration is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lkbuild.base.errors import FetchError
from lkbuild.linuxkit.process import ImageSettings

LABEL: Final = "org.mobyproject.config"


def image_settings(config: Mapping[str, Any]) -> ImageSettings:
    """The `config` object of an image's configuration as values. Raises FetchError for one that is none."""
    try:
        return ImageSettings(
            entrypoint=_texts(config.get("Entrypoint")),
            cmd=_texts(config.get("Cmd")),
            env=_texts(config.get("Env")),
            working_dir=str(config.get("WorkingDir") or ""),
            label=str((config.get("Labels") or {}).get(LABEL) or ""),
        )
    except (TypeError, AttributeError):
        raise FetchError("the configuration of an image is none") from None


def _texts(value: Any) -> tuple[str, ...]:
    if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        raise TypeError(value)
    return tuple(value or ())
