"""What all tests share: golden files, and an environment without the developer's settings."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_addoption(parser):
    parser.addoption("--accept", action="store_true", help="write golden files anew instead of comparing (make golden)")


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch):
    for name in [*os.environ]:
        if name.startswith("LKBUILD_") or name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CI"):
            monkeypatch.delenv(name)


@pytest.fixture
def golden(request):
    """Compare text with tests/golden/<name>; `make golden` accepts what is there now."""

    def check(name: str, text: str) -> None:
        path = HERE / "golden" / name
        if request.config.getoption("--accept"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), f"no golden file {path}: `make golden` writes it"
        assert text == path.read_text(encoding="utf-8"), f"{path} differs: if that is meant, `make golden` accepts it"

    return check
