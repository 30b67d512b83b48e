"""`lkbuild watch --run`: a guest on the newest image, one at a time, and none when the watch has ended."""

from pathlib import Path

import pytest
from harness.watching import watching
from harness.workspace import copy_of_repository, user_store

pytestmark = [pytest.mark.boot, pytest.mark.slow, pytest.mark.network]


def test_a_guest_is_started_again_with_each_new_image_and_ends_with_the_watch(tmp_path):
    checkout = copy_of_repository(tmp_path / "watched", user_store())
    with watching(checkout, "--config", "quick", "--run", "--mem", "256M", "//images:minimal") as watch:
        assert watch.first()["ok"]
        watch.until("Linux version")
        script = checkout.root / "pkg/getty/src/getty.sh"
        checkout.write("pkg/getty/src/getty.sh", script.read_text(encoding="utf-8") + "# newest\n")
        told = watch.next()
        assert told["changed"] == ["pkg/getty/src/getty.sh"], told["errors"]
        watch.until("Linux version")
        assert children(watch.process.pid)
        assert watch.end() == 0


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
