"""Who we are is told to the remote and to nobody else."""

from __future__ import annotations

import base64
import contextlib
import json
from urllib.parse import quote

import grpc
import pytest
import trustme
from harness.reapi_server import ReapiServer

pytestmark = pytest.mark.network  # the shell of a genrule comes from the lock

TOKEN = "t0ken-that-nobody-may-see"  # noqa: S105 - of a test
HEADER = "k3y-that-nobody-may-see"
TARGET = "targets:\n  a: {rule: genrule, srcs: [word.txt], outs: [a], cmd: cat $SRCS > $OUT}\n"


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def server(authority):
    """Takes only clients with a certificate of the authority, and a token where one is due."""
    certificate = authority.issue_cert("localhost")
    pair = (certificate.private_key_pem.bytes(), b"".join(part.bytes() for part in certificate.cert_chain_pems))
    roots = authority.cert_pem.bytes()
    made = ReapiServer(tls=grpc.ssl_server_credentials([pair], root_certificates=roots, require_client_auth=True))
    yield made
    made.stop()


@pytest.fixture
def team(ws, server, authority, tmp_path):
    """A workspace with a policy that has all of it."""
    ours = authority.issue_cert("builder@example.com")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours.private_key_pem.write_to_path(tmp_path / "key.pem")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    (tmp_path / "token").write_text(TOKEN + "\n", encoding="ascii")
    ws.write("p/BUILD.yaml", TARGET)
    ws.write("p/word.txt", "word\n")
    ws.write(
        "cache/cache.yaml",
        f"""\
remotes:
- url: {server.url}
  rights: [read-blobs, read-results, write-blobs, write-results]
  ca: ~/ca.pem
  certificate: {tmp_path}/certificate.pem
  key: ../key.pem
  token_file: ~/token
  headers: {{x-api-key: API_KEY}}
""",
    )
    return ws.with_(API_KEY=HEADER)


def test_certificates_token_and_headers_go_to_the_server(team, server):
    report = team.build("//p:a", "-v")
    assert server.results, report.stderr
    assert all(headers["authorization"] == f"Bearer {TOKEN}" for headers in server.headers)
    assert all(headers["x-api-key"] == HEADER for headers in server.headers)


def test_a_client_without_a_certificate_is_sent_away_and_builds(team, server):
    team.edit("cache/cache.yaml", f"  certificate: {team.root.parent}/certificate.pem\n  key: ../key.pem\n", "")
    report = team.build("//p:a")
    assert report.text == "word\n"
    assert server.calls.total() == 0
    assert [line for line in report.stderr.splitlines() if server.url in line]


def test_files_that_are_not_there_cost_a_line(team, server):
    (team.root.parent / "token").unlink()
    report = team.build("//p:a")
    assert report.text == "word\n"
    assert server.calls.total() == 0
    assert len([line for line in report.stderr.splitlines() if server.url in line]) == 1


def texts_of(*folders):
    """Every file below folders, by its path."""
    found = {}
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        with contextlib.suppress(OSError):
            found[str(path)] = path.read_bytes()
    return found


def holding(texts, *secrets):
    """The names of texts in which a secret is, as it is or as headers and URLs write it."""
    forms = [form for secret in secrets for form in (secret.encode(), base64.b64encode(secret.encode()), quote(secret).encode())]
    return [name for name, text in texts.items() if any(form in text for form in forms)]


def test_secrets_are_shown_and_kept_nowhere(team, server, tmp_path):
    """Not where commands see them, nor where one fails, nor where the server repeats them in what it says is wrong."""
    key = [line for line in (tmp_path / "key.pem").read_text(encoding="ascii").splitlines() if not line.startswith("-")][1]
    team.write(
        "p/BUILD.yaml",
        TARGET + "  seen: {rule: genrule, outs: [seen], cmd: 'set > $OUT'}\n  fails: {rule: genrule, outs: [x], cmd: 'set; false'}\n",
    )
    kept = [f"--events={team.root}/events.json", f"--metrics={team.root}/metrics.prom", "-v"]
    built = team.build("//p:a", "//p:seen", *kept)

    def refuse(request, context):
        context.abort(grpc.StatusCode.UNAUTHENTICATED, f"not {TOKEN} nor {HEADER}")

    server.is_.hooks["GetActionResult"] = refuse
    team.write("p/word.txt", "sword\n")
    refused = team.build("//p:a", *kept)
    assert "UNAUTHENTICATED" in refused.stderr
    failed = team.build("//p:fails", *kept, code=1)
    texts = texts_of(team.root, team.cache)
    for name, report in (("built", built), ("refused", refused), ("failed", failed)):
        texts |= {f"stderr of what was {name}": report.stderr.encode(), f"stdout of what was {name}": repr(report.told).encode()}
    texts |= {f"blob {name}": data for name, data in server.blobs.items()} | {
        f"result {name}": data for name, data in server.results.items()
    }
    assert {path.rpartition("/")[2] for path in texts} >= {"events.json", "metrics.prom", "store.sqlite"}
    assert [path for path in texts if "/trace" in path and path.endswith(".json")]
    assert holding(texts, "UNAUTHENTICATED")  # what is looked for would be found
    assert holding(texts, TOKEN, HEADER, key) == []


def test_no_key_tells_who_we_are(team, server):
    mine = team.build("//p:a", "-v").keys
    assert server.results
    assert team.build("//p:a", "--remote=off").keys == mine
    (team.root.parent / "token").write_text("an0ther\n", encoding="ascii")
    assert team.with_(API_KEY="an0ther").build("//p:a").keys == mine


@pytest.mark.parametrize("url", ["grpc://cache.example.com:80", "http://cache.example.com/x"])
def test_secrets_are_not_sent_in_the_clear(team, server, url):
    team.edit("cache/cache.yaml", server.url, url)
    assert team.build("//p:a", code=2).errors[0]["class"] == "UsageError"


def test_a_credential_helper_tells_who_we_are(team, server):
    helper = team.write(
        "tools/helper",
        f"""#!/bin/sh
test "$1" = get && cat > {team.root}/asked && echo '{{"headers": {{"X-From-Helper": ["{TOKEN}"]}}}}'
""",
        executable=True,
    )
    team.edit("cache/cache.yaml", "token_file: ~/token", "credential_helper: tools/helper")
    team.build("//p:a")
    assert server.results
    assert all(headers["x-from-helper"] == TOKEN for headers in server.headers)
    assert json.loads((team.root / "asked").read_text(encoding="utf-8")) == {"uri": server.url.replace("grpcs", "https") + "/"}
    helper.write_text("#!/bin/sh\necho no; exit 1\n", encoding="utf-8")
    team.write("p/word.txt", "sword\n")
    server.calls.clear()
    report = team.build("//p:a")
    assert report.text == "sword\n"
    assert server.calls.total() == 0
    assert len([line for line in report.stderr.splitlines() if server.url in line]) == 1


def test_a_url_with_a_password_is_refused_without_showing_it(team):
    done = team.lkbuild("build", "//p:a", "--remote=https://me:passw0rd@cache.example.com/x")
    assert done.returncode == 2
    assert "passw0rd" not in done.stderr
