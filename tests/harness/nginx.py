"""nginx as a remote cache: the package that lkbuild carries a lock of, run as a plain process of the user."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.workspace import REPOSITORY, Workspace

PATIENCE_S = 60
#: What Bazel's documentation wants of a web server: files that can be put.
CONFIGURATION = """\
daemon off;
master_process off; # else workers of root become nobody, who may not write here
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/incoming;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen unix:{folder}/ready.sock;
    listen 127.0.0.1:{port};
    location /cache/ {{
      root {folder}/data;
      client_max_body_size 0;
      dav_methods PUT;
      create_full_put_path on;
    }}
  }}
}}
"""


def unpack(folder: Path) -> Path:
    """The tree of nginx and all that it needs, as `lkbuild cache serve` has it."""
    folder.mkdir(parents=True)
    services = Workspace(REPOSITORY / "lkbuild/app/service/workspace", folder / ".cache")
    return services.build("--arch=amd64", f"--out={folder}", "//:root").path


def command(tree: Path) -> list[Path | str]:
    """How the tree's nginx is started outside of it."""
    libraries = tree / "usr/lib/x86_64-linux-gnu"
    return [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries, tree / "usr/sbin/nginx"]


@contextlib.contextmanager
def nginx(tree: Path, folder: Path) -> Iterator[str]:
    """Serve what is put below a folder; yields the URL."""
    (folder / "data").mkdir(parents=True)
    with socket.socket() as chosen:  # free a moment ago; nginx can't tell which port it got
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, port=port), encoding="ascii")
    process = subprocess.Popen([*command(tree), "-p", folder, "-c", configuration, "-e", folder / "error.log"], stderr=subprocess.DEVNULL)
    try:
        _wait(process, folder)
        yield f"http://127.0.0.1:{port}/cache"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    while True:
        assert process.poll() is None, (folder / "error.log").read_text(encoding="utf-8")
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(folder / "ready.sock"))
            return
