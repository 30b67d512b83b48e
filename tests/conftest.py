"""What all tests share: golden files, and an environment without the developer's settings."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
#: `make golden`: golden files are written anew instead of compared.
ACCEPT = os.environ.get("LKBUILD_ACCEPT") == "1"


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch):
    for name in [*os.environ]:
        if (name.startswith("LKBUILD_") and name != "LKBUILD_ACCEPT") or name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CI"):
            monkeypatch.delenv(name)


@pytest.fixture
def golden():
    """Compare text with tests/golden/<name>; `make golden` accepts what is there now."""

    def check(name: str, text: str) -> None:
        path = HERE / "golden" / name
        if ACCEPT:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), f"no golden file {path}: `make golden` writes it"
        assert text == path.read_text(encoding="utf-8"), f"{path} differs: if that is meant, `make golden` accepts it"

    return check
