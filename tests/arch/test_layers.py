"""The import contracts of pyproject.toml hold."""

import subprocess
import sys
from pathlib import Path


def test_every_import_contract_is_kept(root):
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([tool, "--no-cache"], cwd=root, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
