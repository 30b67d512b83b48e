"""bench/usage.py counts what its command leaves behind, as bubblewrap leaves the init of its namespace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

USAGE = Path(__file__).parents[2] / "bench" / "usage.py"
BURN = "import time\nwhile time.process_time() < 0.05: pass"


def test_processor_time_of_a_process_that_nobody_waits_for_is_counted(tmp_path):
    left_behind = f"'{sys.executable}' -c '{BURN}' & exit 3"
    subprocess.run([sys.executable, USAGE, tmp_path / "result", "sh", "-c", left_behind], check=True)
    took = json.loads((tmp_path / "result").read_text())
    assert took["code"] == 3
    assert took["cpu"] >= 0.05
