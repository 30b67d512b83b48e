"""Which engine builds a Dockerfile: Docker's own choice, a context of Docker's by its name, or one for an architecture; and emulation."""

import json
import platform
import re
import shutil
import subprocess

import pytest
from harness import engine as engines
from harness.buildkit import node
from harness.workspace import user_store

from lkbuild.model.configuration import MACHINES
from lkbuild.sandbox.turns import TURNS, program

pytestmark = [pytest.mark.network, pytest.mark.slow]

TARGETS = """\
targets:
  copied: {rule: package, dockerfile: Dockerfile, context: [file]}
"""


@pytest.fixture
def far(engine_tree):
    """Another engine than everybody's, as an environment."""
    with engines.engine(engine_tree) as environment:
        yield environment


@pytest.fixture
def two(ws, engine, far, tmp_path):
    """A workspace with an engine, and another engine by the name `far`."""
    shutil.copytree(engine["DOCKER_CONFIG"], tmp_path / "docker")
    ws.write("p/BUILD.yaml", TARGETS)
    ws.write("p/Dockerfile", "FROM scratch\nCOPY file /\n")
    ws.write("p/file", f"{tmp_path}\n")  # no engine has seen it
    docked = ws.with_(**{**engine, "DOCKER_CONFIG": str(tmp_path / "docker")})
    docker(docked, "context", "create", "far", f"--docker=host={far['DOCKER_HOST']}")
    return docked


def docker(ws, *arguments):
    """What Docker's client says."""
    done = subprocess.run(["docker", *arguments], env=dict(ws.environment), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def remembered(ws, *context):
    """How much an engine has kept of what it built."""
    return re.search(r"^Total:\s+(\S+)$", docker(ws, *context, "buildx", "du"), re.MULTILINE)[1]


def test_a_context_of_docker_is_a_builder_also_for_one_architecture_alone(two):
    two.build("--arch=amd64", "--builder=arm64=far", "//p:copied.oci")
    assert remembered(two, "--context=far") == "0B"
    here = remembered(two)
    report = two.build("--arch=arm64", "--builder=arm64=far", "//p:copied.oci")
    assert report.executed == ["//p:copied dockerfile"]
    assert remembered(two, "--context=far") != "0B"
    assert remembered(two) == here
    # Who built it is in no key.
    assert two.build("--arch=arm64", "//p:copied.oci").executed == []


def test_a_builder_that_is_not_there_is_an_error_of_this_host_or_of_the_build(two):
    (error,) = two.build("--builder=nowhere", "//p:copied.oci", code=1).errors
    assert error["label"] == "//p:copied"
    assert "nowhere" in two.lkbuild("build", "--builder=nowhere", "//p:copied.oci").stderr


@pytest.fixture
def pair(two, engine, far):
    """A builder of two nodes: this machine's architecture, and another's, whose node is an engine of its own."""
    here = MACHINES[platform.machine()]
    there = "arm64" if here == "amd64" else "amd64"
    with node(engine) as near_address, node(far) as far_address:
        create = ("buildx", "create", "--name=pair", "--driver=remote")
        docker(two, *create, "--node=near", f"--platform=linux/{here}", near_address)
        docker(two, *create, "--append", "--node=distant", f"--platform=linux/{there}", far_address)
        yield here, there


def test_the_node_of_a_builder_is_the_one_of_the_architecture(two, pair):
    here, there = pair
    assert two.build(f"--arch={here}", "--builder=pair", "//p:copied.oci").executed == ["//p:copied dockerfile"]
    assert remembered(two, "--context=far") == "0B"
    near = remembered(two)
    assert two.build(f"--arch={there}", "--builder=pair", "//p:copied.oci").executed == ["//p:copied dockerfile"]
    assert (remembered(two), remembered(two, "--context=far") != "0B") == (near, True)
    # One command, both nodes, one image.
    two.write("p/file", "another\n")
    report = two.build(f"--arch={here}", f"--arch={there}", "--builder=pair", "//p:copied.oci")
    assert report.executed.count("//p:copied dockerfile") == 2
    index = json.loads((report.path / "index.json").read_text())
    (top,) = index["manifests"]
    manifests = json.loads((report.path / "blobs" / top["digest"].replace(":", "/")).read_text())["manifests"]
    assert [item["platform"]["architecture"] for item in manifests] == [here, there]


def test_doctor_says_which_node_builds_for_which_architecture(two, pair):
    here, there = pair
    told = json.loads(two.lkbuild("doctor", "--json", "--builder=pair").stdout)["findings"]
    found = {item["name"]: item["text"].partition("Dockerfiles: ")[2] for item in told}
    assert found[here].endswith("docker buildx on node near")
    assert found[there].endswith("docker buildx on node distant")
    # A builder that is named for one architecture alone stands above it.
    told = json.loads(two.lkbuild("doctor", "--json", "--builder=pair", f"--builder={there}=far").stdout)["findings"]
    (text,) = (item["text"] for item in told if item["name"] == there)
    assert "distant" not in text


RUNS = """\
targets:
  runs: {rule: package, dockerfile: Dockerfile, context: [program]}
  copies: {rule: package, dockerfile: Dockerfile, context: [program], stage: copied}
"""
RUNS_DOCKERFILE = 'FROM scratch AS copied\nCOPY program /\nFROM copied\nRUN ["/program"]\n'


@pytest.fixture
def emulating(ws, engine_tree, tmp_path):
    """A workspace with an engine whose kernel emulates another architecture, and that architecture."""
    if not engines.can_emulate():
        pytest.skip("this kernel has one binfmt_misc for everybody")
    emulators = engines.unpacked(tmp_path / "emulators", user_store(), "emulators")
    arch, _, _ = engines.EMULATED[platform.machine()]
    ws.write("p/BUILD.yaml", RUNS)
    ws.write("p/Dockerfile", RUNS_DOCKERFILE)
    ws.write("p/program", "", executable=True).write_bytes(program(arch, TURNS))
    with engines.engine(engine_tree, emulators=emulators) as environment:
        yield ws.with_(**environment), arch


def test_emulation_is_told_of_with_the_slowdown_that_is_measured_there(emulating):
    docked, arch = emulating
    assert "times as slow" not in docked.build(f"--arch={arch}", "//p:copies.oci").stderr
    told = docked.build(f"--arch={arch}", "//p:runs.oci")
    assert told.executed == ["//p:runs dockerfile"]
    (times,) = re.findall(rf"emulates {arch} .* (\d+) times as slow", told.stderr)
    assert int(times) >= 2
    # Where nothing is built, nobody is asked.
    assert "emulates" not in docked.build(f"--arch={arch}", "//p:runs.oci").stderr
    (line,) = [line for line in docked.lkbuild("doctor").stdout.splitlines() if f" {arch}:" in line]
    assert "emulation" in line.partition("Dockerfiles")[2]
