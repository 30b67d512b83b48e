"""How much a run of the tests may cost: what only `make test-all` compiles, and a run that ends before its time is up.

`LKBUILD_TEST_COMPILE=1` compiles what takes a machine for longer than a run should. With `LKBUILD_TEST_MINUTES=N` no test that boots
or is slow begins once N minutes have passed: it is skipped, and says so. A run that is stopped from outside would not even tell
what failed. It does not know how long a test takes; pytest-timeout ends one that hangs.
"""

import os
import time

import pytest

# Read before tests take all of it from the environment.
COMPILE = os.environ.get("LKBUILD_TEST_COMPILE") == "1"
_MINUTES = os.environ.get("LKBUILD_TEST_MINUTES", "")
#: Seconds of the epoch. The first process of a run notes it, the workers that it starts inherit it.
_BEGAN = float(os.environ.setdefault("LKBUILD_TEST_BEGAN", str(time.time())))


def skip_what_is_too_late(item: pytest.Item) -> None:
    """Skip a test that is dear, if the time of this run is spent."""
    dear = any(item.get_closest_marker(marker) for marker in ("boot", "slow"))
    if _MINUTES and dear and time.time() > _BEGAN + 60 * float(_MINUTES):
        pytest.skip(f"the {_MINUTES} minutes of LKBUILD_TEST_MINUTES are spent: `sh tests/run {item.nodeid.partition('[')[0]}` runs it")
