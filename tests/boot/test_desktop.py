"""What Docker Desktop's machine has from its host, by one guest: the engine's socket, published ports, a shared folder, and the time."""

import contextlib
import http.client
import json
import socket
import subprocess
import threading
import time
import urllib.request
from datetime import UTC, datetime

import pytest
from harness.workspace import PATIENCE_S

pytestmark = [pytest.mark.boot, pytest.mark.slow, pytest.mark.network]

QUICK = ("--config", "quick", "--arch", "amd64")
#: It says into the folder of the host that it was there, and serves the folder.
SERVE = "cat /src/note /src/note > /src/said && exec busybox httpd -f -p 80 -h /src"


class Engine(http.client.HTTPConnection):
    """Docker's API over a Unix socket."""

    def __init__(self, path):
        super().__init__("docker", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def ask(self, method, path, body=None, kind="application/json"):
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        self.request(method, path, body=data, headers={"Content-Type": kind} if data else {})
        answer = self.getresponse()
        text = answer.read()
        assert answer.status < 300, (answer.status, text)
        return text


def page(url):
    """A page, once the server is there to answer: until then the guest refuses the connection, and that ends the try."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException), urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - ours
            return answer.read()
        time.sleep(0.1)  # QEMU takes each connection, whoever listens in the guest: there is no event to wait for
    raise AssertionError(url)


@contextlib.contextmanager
def desktop(repository, tmp_path):
    """A guest that runs, and whose clock is years behind: the port that leads to its port 80."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "note").write_text("from this machine\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = ("--mem", "1G", "--disk", f"{tmp_path}/disk,size=2G", "--clock", "2020-01-01T00:00:00", "--publish", f"{port}:80")
    sockets = ("--socket", f"{tmp_path}/docker.sock", "--socket", f"{tmp_path}/none.sock,port=7", "--share", f"{tmp_path}/src")
    running = repository.start("run", *QUICK, *given, *sockets, "//images:docker-desktop")
    drained = threading.Thread(target=running.stderr.read, daemon=True)
    drained.start()
    said = []
    for line in running.stdout:
        said.append(line)
        if '"event":"up"' in line:
            break
    else:
        pytest.fail("".join(said[-50:]))
    console = threading.Thread(target=running.stdout.read, daemon=True)  # a full pipe would stop the guest's console
    console.start()
    try:
        yield port
    finally:
        running.terminate()
        try:
            running.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
        console.join()
        drained.join()
        running.stdout.close()
        running.stderr.close()


def test_the_host_has_the_engine_and_the_guest_has_the_hosts_folders_ports_and_time(repository, tmp_path):
    repository.build(*QUICK, "//images:docker-desktop", "//images/tests:hello-oci")
    with desktop(repository, tmp_path) as port:
        all_of_it(repository, tmp_path, port)


def all_of_it(repository, folder, port):
    with (
        contextlib.closing(Engine(str(folder / "docker.sock"))) as engine,
        contextlib.closing(Engine(str(folder / "docker.sock"))) as second,
    ):
        works(repository, engine, second, folder, port)
    # A number that nothing listens at is closed, and takes nothing along.
    with socket.socket(socket.AF_UNIX) as nothing:
        nothing.connect(str(folder / "none.sock"))
        assert nothing.recv(1) == b""
    with contextlib.closing(Engine(str(folder / "docker.sock"))) as engine:
        assert engine.ask("GET", "/_ping") == b"OK"


def works(repository, engine, second, folder, port):
    assert engine.ask("GET", "/_ping") == b"OK"
    # The guest began in 2020. NTP would take longer, where there is a way out to it.
    said = datetime.fromisoformat(json.loads(engine.ask("GET", "/info"))["SystemTime"])
    assert abs((datetime.now(UTC) - said).total_seconds()) < 60
    # Megabytes go through: an image out, and back again by a second connection while the first is open.
    image = repository.build(*QUICK, "//images/tests:hello-oci").path.read_bytes()
    engine.ask("POST", "/images/load", image, "application/x-tar")
    assert len(second.ask("GET", "/images/hello/get")) > len(image) // 2
    # A container has the folder of the host, and a port of the host leads to it.
    ports = {"80/tcp": [{"HostPort": "80"}]}
    settings = {"Binds": ["/run/host/src:/src"], "PortBindings": ports}
    config = {"Image": "hello", "Cmd": ["sh", "-c", SERVE], "ExposedPorts": {"80/tcp": {}}, "HostConfig": settings}
    made = json.loads(engine.ask("POST", "/containers/create", config))["Id"]
    engine.ask("POST", f"/containers/{made}/start")
    assert page(f"http://127.0.0.1:{port}/said") == b"from this machine\n" * 2
    assert (folder / "src" / "said").read_text() == "from this machine\n" * 2
