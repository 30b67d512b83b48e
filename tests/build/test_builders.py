"""Which engine builds a Dockerfile: Docker's own choice, a context of Docker's by its name, or one for an architecture."""

import re
import shutil
import subprocess

import pytest
from harness import engine as engines

pytestmark = [pytest.mark.network, pytest.mark.slow]

TARGETS = """\
targets:
  copied: {rule: package, dockerfile: Dockerfile, context: [file]}
"""


@pytest.fixture
def two(ws, engine, engine_tree, tmp_path):
    """A workspace with an engine, and another engine by the name `far`."""
    shutil.copytree(engine["DOCKER_CONFIG"], tmp_path / "docker")
    ws.write("p/BUILD.yaml", TARGETS)
    ws.write("p/Dockerfile", "FROM scratch\nCOPY file /\n")
    ws.write("p/file", f"{tmp_path}\n")  # no engine has seen it
    with engines.engine(engine_tree) as far:
        docked = ws.with_(**{**engine, "DOCKER_CONFIG": str(tmp_path / "docker")})
        docker(docked, "context", "create", "far", f"--docker=host={far['DOCKER_HOST']}")
        yield docked


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
