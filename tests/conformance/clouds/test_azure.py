"""A push to Azure: what its SDK says to the resource manager and to the disk's address, recorded by a server that answers as both do."""

import http.server
import json
import ssl
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.mgmt.compute import ComputeManagementClient
from azure.storage.blob import BlobClient

from lkbuild.base.errors import RemoteFailed
from lkbuild.clouds.azure import PAGES, Azure
from lkbuild.clouds.destination import Disk

GROUP = "/subscriptions/s/resourceGroups/images/providers/Microsoft.Compute"


class Cloud(http.server.BaseHTTPRequestHandler):
    """Disks and images as the resource manager has them, each done at once; and the pages of a disk."""

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self.server.asked.append((self.command, url.path))
        status, told, more = 200, None, {}
        match self.command, url.path.removeprefix(GROUP):
            case "PUT", "/md/container/abcd":
                assert parse_qs(url.query) == {"comp": ["page"], "sig": ["secret"]}
                first = int(self.headers["x-ms-range"].removeprefix("bytes=").partition("-")[0])
                self.server.pages[first] = body
                status, more = 201, {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT", "x-ms-blob-sequence-number": "0"}
            case "PUT", path:
                status = self.server.status if path.startswith("/images/") else 200
                self.server.made[path] = json.loads(body)
                told = {**json.loads(body), "id": GROUP + path, "name": path.rpartition("/")[2]}
                told["properties"] = {**told["properties"], "provisioningState": "Succeeded"}
                if status != 200:
                    told = {"error": {"code": "Conflict", "message": "no"}}
            case "POST", path if path.endswith("/beginGetAccess"):
                told = {"accessSAS": f"{self.server.url}/md/container/abcd?sig=secret"}
            case "POST", _:
                pass
            case "DELETE", path:
                self.server.made.pop(path)
        data = json.dumps(told).encode() if told is not None else b""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - http.server finds them by these names

    def log_message(self, *_):
        pass


class Someone:
    """Credentials that nobody checks."""

    def get_token(self, *_scopes, **_options):
        return AccessToken("token", int(time.time()) + 3600)


@pytest.fixture
def cloud(tmp_path):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = http.server.ThreadingHTTPServer(("localhost", 0), Cloud)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.asked, server.made, server.pages, server.status = [], {}, {}, 200
    server.url, server.ca = f"https://localhost:{server.server_port}", str(tmp_path / "ca.pem")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def disk(tmp_path):
    """Two blocks and a bit, of which the second is all zeros."""
    path = tmp_path / "box.vhd"
    path.write_bytes(b"a" * PAGES + bytes(PAGES) + b"footer".ljust(512, b"\0"))
    return Disk(path=path, name="box", arch="amd64", digest="0" * 64)


def place(cloud):
    def connect():
        compute = ComputeManagementClient(Someone(), "s", base_url=cloud.url, connection_verify=cloud.ca, polling_interval=0, retry_total=0)
        return compute, lambda address: BlobClient.from_blob_url(address, connection_verify=cloud.ca)

    return Azure(name="docker-1.0", subscription="s", resources="images", location="westeurope", connect=connect)


def test_the_image_is_of_a_disk_with_the_pages_that_are_not_zeros(cloud, disk):
    told = []
    assert place(cloud).send(disk, told.append) == f"{GROUP}/images/docker-1.0"
    assert cloud.pages == {0: b"a" * PAGES, 2 * PAGES: b"footer".ljust(512, b"\0")}
    # The disk is gone, the image says how it is started.
    (image,) = cloud.made.values()
    assert image["location"] == "westeurope"
    assert image["properties"]["hyperVGeneration"] == "V2"
    source = {"osType": "Linux", "osState": "Generalized", "managedDisk": {"id": f"{GROUP}/disks/docker-1.0-upload"}}
    assert image["properties"]["storageProfile"]["osDisk"] == source
    done = [(command, path.removeprefix(GROUP)) for command, path in cloud.asked]
    assert done.index(("POST", "/disks/docker-1.0-upload/endGetAccess")) < done.index(("PUT", "/images/docker-1.0"))
    assert done[-1] == ("DELETE", "/disks/docker-1.0-upload")
    assert told[-1] == "sent 2 blocks"


def test_the_disk_is_made_for_an_upload_of_its_size(cloud, disk):
    made = {}
    cloud.made = type("Kept", (dict,), {"pop": lambda self, path: made.update({path: self[path]})})()
    place(cloud).send(disk, lambda _: None)
    properties = made["/disks/docker-1.0-upload"]["properties"]
    assert properties["creationData"] == {"createOption": "Upload", "uploadSizeBytes": disk.size}
    assert properties["supportedCapabilities"] == {"architecture": "x64"}


def test_where_the_image_is_refused_the_disk_is_deleted(cloud, disk):
    cloud.status = 409
    with pytest.raises(RemoteFailed):
        place(cloud).send(disk, lambda _: None)
    assert ("DELETE", f"{GROUP}/disks/docker-1.0-upload") in cloud.asked
    assert "/disks/docker-1.0-upload" not in cloud.made


def test_a_dry_run_says_what_would_be_sent_and_asks_nobody(disk):
    steps = Azure(name="docker", subscription="s", resources="g", location="l").steps(disk)
    assert [step.split(":")[0] for step in steps] == ["disks", "Put Page for 2 of 3 blocks", "images", "disks"]
