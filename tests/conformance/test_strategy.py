"""The contract of `Strategy`: the same command, the same bits, wherever it runs: in the sandbox here, on an engine's worker, on either."""

from __future__ import annotations

import pytest
from harness.buildgrid import buildgrid
from harness.casd import engine
from harness.host_root import make_root, new_marker, over, processes_with

from lkbuild.base.digest import Digest
from lkbuild.base.errors import BuildFailed
from lkbuild.execution.scratch import ScratchPool
from lkbuild.execution.strategies.engine_first import EngineFirst
from lkbuild.execution.strategies.on_engine import OnEngine
from lkbuild.execution.strategies.sandboxed import Sandboxed
from lkbuild.execution.strategies.worker import Workers
from lkbuild.keys.manifest import encode_action, make_action
from lkbuild.model.action import ActionInfo, ActionSpec, DeclaredOutput, EncodedAction, PlannedAction
from lkbuild.model.artifact import ActionId
from lkbuild.model.ports import BlobMissing, CommandRun
from lkbuild.model.tree import File, Layout, Subtree
from lkbuild.remote.address import parse_address
from lkbuild.remote.opening import Guarding, Plan, open_engine
from lkbuild.remote.tally import Tally
from lkbuild.sandbox.probe import probe
from lkbuild.store.disk import DiskStore

WORKERS = Workers(platform=(("ISA", "x86-64"), ("OSFamily", "linux"), ("unixGID", "1000"), ("unixUID", "1000")))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    opened = DiskStore.open(tmp_path_factory.mktemp("store"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def root(tmp_path_factory, store):
    return store.blobs.put_tree(make_root(tmp_path_factory.mktemp("root")))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with engine(tmp_path_factory.mktemp("engine") / "casd") as address:
        yield address


@pytest.fixture
def sandboxed(store, tmp_path):
    found = probe()
    if found.problem is not None:
        pytest.skip(f"no sandbox on this host: {found.problem}")
    (tmp_path / "scratch").mkdir()
    pool = ScratchPool(tmp_path / "scratch")
    return Sandboxed(sandbox=found.sandbox(), blobs=store.blobs, scratch=pool, failures=tmp_path / "failed", cpus=2)


@pytest.fixture(scope="module")
def grid(buildgrid_parts):
    with buildgrid(buildgrid_parts) as running:
        yield running.url


@pytest.fixture(params=["sandbox", "engine", "both", pytest.param("buildgrid", marks=pytest.mark.network)])
def strategy(request, sandboxed, store, tmp_path):
    if request.param == "sandbox":
        yield sandboxed
        return
    url = request.getfixturevalue("grid" if request.param == "buildgrid" else "url")
    client = open_engine(Plan(address=parse_address(url)), store.blobs, Tally(), Guarding())
    away = OnEngine(engine=client, workers=WORKERS, blobs=store.blobs, failures=tmp_path / "failed")
    yield EngineFirst(away, sandboxed, places=1, wait_s=0, tell=lambda text: None) if request.param == "both" else away
    client.close()


@pytest.fixture
def run(strategy, store, root):
    """Runs a shell line; gives the result."""

    def go(script, *outputs, inputs=None, cancelled=lambda: False, arguments=None, **changes):
        layout = Layout(inputs or {})
        spec = ActionSpec(
            arguments=arguments or ("sh", "-c", f"set -e; {script}"),
            environment=(("WORD", "a b"),),
            outputs=outputs,
            timeout_s=changes.pop("timeout_s", 60),
        )
        action, messages = make_action(spec, layout, root)
        key, own = encode_action(action)
        info = ActionInfo(id=ActionId("//p:a", 0), mnemonic="genrule", label="//p:a")
        planned = PlannedAction(spec, info)
        command = CommandRun(planned=planned, action=EncodedAction(key, {**messages, **own}), layout=layout, root=root, fresh=True)
        return strategy.run(command, cancelled=cancelled, **changes)

    return go


def out(path, *, tree=False):
    return DeclaredOutput(path, tree=tree)


def test_files_come_back_with_their_bytes_and_bits(run, store):
    result = run("mkdir -p a/b; echo x > a/b/plain; echo y > run; chmod 755 run; : > empty", out("a/b/plain"), out("run"), out("empty"))
    assert [(item.path, store.blobs.get_bytes(item.digest), item.executable) for item in result.files] == [
        ("a/b/plain", b"x\n", False),
        ("run", b"y\n", True),
        ("empty", b"", False),
    ]


def test_trees_come_back_as_the_store_would_have_taken_them(run, store, tmp_path):
    for folder in ("t/x/y", "t/hollow"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "t/x/y/f").write_text("same\n")
    (tmp_path / "t/f").write_text("same\n")
    (tmp_path / "t/big").write_bytes(b"0123456\n" * 800_000)
    (tmp_path / "t/program").write_text("p\n")
    (tmp_path / "t/program").chmod(0o755)
    (tmp_path / "t/x/link").symlink_to("../f")
    script = "mkdir -p t/x/y t/hollow; echo same > t/f; cat t/f > t/x/y/f; echo p > t/program; chmod 755 t/program"
    code = "open('t/big', 'wb').write(b'0123456\\n' * 800_000); import os; os.symlink('../f', 't/x/link')"
    result = run(f'{script}; python3 -I -c "{code}"', out("t", tree=True))
    (tree,) = result.trees
    assert tree.root == store.blobs.put_tree(tmp_path / "t")
    assert (store.blobs.tree_path(tree.root) / "x/link").read_text() == "same\n"


def test_a_command_sees_its_inputs_where_they_were_placed(run, store, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text("in a tree\n")
    inputs = {
        "src/a": File(store.blobs.put_bytes(b"a\n")),
        "run": File(store.blobs.put_bytes(b"#!/usr/bin/sh\necho ran\n"), executable=True),
        "large": File(store.blobs.put_bytes(b"l" * 100_000)),
        "tree": Subtree(store.blobs.put_tree(tmp_path / "d")),
    }
    result = run("{ cat src/a tree/f; ./run; head -c 3 large; } > out; test ! -x src/a", out("out"), inputs=inputs)
    assert store.blobs.get_bytes(result.files[0].digest) == b"a\nin a tree\nran\nlll"


def test_a_command_is_the_same_user_at_the_same_place_in_the_same_environment(run, store):
    code = "import os, sys; os.environ.pop('LKBUILD_CPUS', 0); print(sorted(os.environ.items()), os.getcwd(), os.getuid(), os.getgid())"
    result = run(f'python3 -I -c "{code}" > out; cat /etc/passwd /etc/marker >> out; touch /tmp/mine; ls /tmp >> out', out("out"))
    environment = (
        "[('HOME', '/tmp'), ('LANG', 'C.UTF-8'), ('LC_ALL', 'C.UTF-8'), "
        "('PATH', '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'), ('PWD', '/build'), "
        "('SOURCE_DATE_EPOCH', '1492533000'), ('TMPDIR', '/tmp'), ('TZ', 'UTC'), ('WORD', 'a b')] /build 1000 1000"
    )
    assert store.blobs.get_bytes(result.files[0].digest).decode().splitlines() == [
        environment,
        "root:x:0:0:root:/:/bin/sh",
        "build:x:1000:1000:build:/tmp:/bin/sh",
        "nobody:x:65534:65534:nobody:/:/bin/false",
        "from the tree",
        "mine",
    ]


def test_there_is_no_network(run, store):
    result = run('python3 -I -c "import socket; print([name for _, name in socket.if_nameindex()])" > out', out("out"))
    assert store.blobs.get_bytes(result.files[0].digest) == b"['lo']\n"


def test_the_log_is_kept(run, store):
    result = run("echo said; echo x > out", out("out"))
    assert store.blobs.get_bytes(result.log) == b"said\n"


def test_what_is_written_is_heard(run):
    heard = []
    run("echo said; echo x > out", out("out"), output=heard.append)
    assert b"".join(heard) == b"said\n"


def test_a_failure_tells_the_label_the_command_and_the_end_of_its_log(run):
    with pytest.raises(BuildFailed) as caught:
        run("echo before; echo oh >&2; exit 3", out("out"))
    assert caught.value.label == "//p:a"
    assert "3" in caught.value.message
    command, *lines = caught.value.detail.splitlines()
    assert (command, sorted(lines)) == ("$ sh -c 'set -e; echo before; echo oh >&2; exit 3'", ["before", "oh"])


@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("true", out("gone")),
        ("true", out("gone", tree=True)),
        ("mkdir gone", out("gone")),
        ("echo x > gone", out("gone", tree=True)),
    ],
)
def test_an_output_that_is_not_what_was_declared_is_a_failure(run, script, output):
    with pytest.raises(BuildFailed) as caught:
        run(script, output)
    assert "gone" in caught.value.message


def test_a_program_that_the_root_lacks_is_a_failure_of_the_command(run):
    with pytest.raises(BuildFailed):
        run("", out("out"), arguments=("no-such-program",))


def test_the_time_limit_is_a_failure_of_the_command(run):
    with pytest.raises(BuildFailed) as caught:
        run("echo began; sleep 3600", out("out"), timeout_s=1)
    assert "time limit" in caught.value.message
    assert caught.value.detail.endswith("began")


def test_what_is_cancelled_ends_and_leaves_nothing_running(run):
    marker = new_marker()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - who stopped it asks for no reason
        run(f"sleep {marker}", out("out"), cancelled=lambda: bool(processes_with(marker)))
    assert not isinstance(caught.value, AssertionError)
    over(marker)


def test_a_lost_input_is_told_as_that(run):
    with pytest.raises(BlobMissing):
        run("true", out("out"), inputs={"in": File(Digest.of(b"never stored"))})
