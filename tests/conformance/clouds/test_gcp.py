"""A push to Google Cloud: what its SDKs say to storage and to Compute Engine, recorded by a server that answers as both do."""

import base64
import http.server
import json
import re
import threading
from urllib.parse import parse_qs, urlsplit

import google_crc32c
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1, storage
from google.cloud.compute_v1.services.images.transports import ImagesRestTransport

from lkbuild.base.errors import RemoteFailed
from lkbuild.clouds.destination import Disk
from lkbuild.clouds.gcp import Gcp

IMAGES = "/compute/v1/projects/mine/global/images"
OBJECT = "docker-1-0-0000000000000000.tar.gz"


class Cloud(http.server.BaseHTTPRequestHandler):
    """One bucket, with uploads in pieces, and the images of one project."""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        self.server.asked.append((self.command, url.path))
        status, told, more = 200, {}, {}
        match self.command, url.path:
            case "POST", "/upload/storage/v1/b/images/o":
                self.server.name = json.loads(body).get("name") or query["name"][0]
                more = {"Location": f"{self.server.url}/session"}
            case "PUT", "/session":
                self.server.objects[self.server.name] = self.server.objects.get(self.server.name, b"") + body
                told = self.stored(self.server.name)
                end, total = re.search(r"-(\d+)/(\d+)$", self.headers["Content-Range"]).groups()
                if int(end) + 1 < int(total):
                    status, more = 308, {"Range": f"bytes=0-{len(self.server.objects[self.server.name]) - 1}"}
            case "GET", path if path.startswith("/storage/v1/b/images/o/"):
                name = path.rpartition("/")[2]
                status, told = (200, self.stored(name)) if name in self.server.objects else (404, {})
            case "DELETE", path if path.startswith("/storage/v1/b/images/o/"):
                del self.server.objects[path.rpartition("/")[2]]
                status = 204
            case "POST", path if path == IMAGES:
                self.server.image = json.loads(body)
                status, told = self.server.status, {"name": "operation", "status": "DONE"}
            case "GET", path if path.startswith(IMAGES):
                told = {**self.server.image, "selfLink": f"https://www.googleapis.com{path}"}
            case "GET", _:
                told = {"name": "operation", "status": "DONE"}
        data = b"" if status == 204 else json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def stored(self, name):
        data = self.server.objects[name]
        return {
            "name": name,
            "bucket": "images",
            "size": str(len(data)),
            "crc32c": base64.b64encode(google_crc32c.Checksum(data).digest()).decode(),
        }

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server finds them by these names

    def log_message(self, *_):
        pass


@pytest.fixture
def cloud():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cloud)
    server.asked, server.objects, server.image, server.name, server.status = [], {}, {}, "", 200
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "box.tar.gz"
    path.write_bytes(b"\x1f\x8b" + b"x" * (17 << 20))  # more than one piece
    return Disk(path=path, name="box", arch="amd64", digest="0" * 64)


def place(cloud):
    def connect():
        nobody = AnonymousCredentials()
        transport = ImagesRestTransport(host=cloud.url.removeprefix("http://"), url_scheme="http", credentials=nobody)
        return (
            storage.Client(project="mine", credentials=nobody, client_options={"api_endpoint": cloud.url}),
            compute_v1.ImagesClient(transport=transport),
        )

    return Gcp(name="docker-1-0", project="mine", bucket="images", family="docker", connect=connect)


def test_the_image_is_of_the_archive_which_is_gone_afterwards(cloud, disk):
    kept = {}
    cloud.objects = type("Kept", (dict,), {"__delitem__": lambda self, name: kept.update({name: self.pop(name)})})()
    assert place(cloud).send(disk, lambda _: None).endswith("/projects/mine/global/images/docker-1-0")
    assert kept == {OBJECT: disk.path.read_bytes()}
    assert not cloud.objects
    assert cloud.image["rawDisk"] == {"source": f"https://storage.googleapis.com/images/{OBJECT}"}
    assert (cloud.image["name"], cloud.image["family"], cloud.image["architecture"]) == ("docker-1-0", "docker", "X86_64")
    assert {feature["type"] for feature in cloud.image["guestOsFeatures"]} == {"UEFI_COMPATIBLE", "GVNIC", "VIRTIO_SCSI_MULTIQUEUE"}


def test_where_the_image_is_refused_the_archive_is_deleted(cloud, disk):
    cloud.status = 403
    with pytest.raises(RemoteFailed):
        place(cloud).send(disk, lambda _: None)
    assert ("POST", IMAGES) in cloud.asked
    assert not cloud.objects


def test_a_dry_run_says_what_would_be_sent_and_asks_nobody(disk):
    steps = Gcp(name="docker", project="mine", bucket="images").steps(disk)
    assert [step.split(":")[0] for step in steps] == ["storage", "images", "storage"]
