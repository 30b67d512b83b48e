"""What builders of docker buildx say of themselves, and what is said of those that emulate."""

import json
import platform
import subprocess
from pathlib import Path

import pytest

from lkbuild.base.errors import FetchError, HostError
from lkbuild.model.configuration import ARCHES, MACHINES
from lkbuild.model.ports import ImageBuild, SandboxResult
from lkbuild.sandbox.builders import node_of, nodes_of
from lkbuild.sandbox.buildx import Buildx
from lkbuild.sandbox.emulation import Wary
from lkbuild.sandbox.turns import TURNS, program

HERE = "Name: default\nDriver: docker\n\nNodes:\nName: default\nStatus: running\nPlatforms: "


@pytest.mark.parametrize(
    ("platforms", "expected"),
    [
        (["linux/amd64, linux/amd64/v2, linux/386"], ["native", None, None, None]),
        # A kernel that emulates names its own first.
        (["linux/amd64, linux/386, linux/arm64, linux/riscv64"], ["native", "emulated", "emulated", None]),
        (["linux/amd64 (+3), linux/arm64, linux/s390x"], ["native", "emulated", None, "emulated"]),
        # Native nodes for each; one that somebody has set up for an architecture is believed.
        (["linux/amd64*, linux/arm64", "linux/arm64*, linux/arm/v7"], ["native", "native", None, None]),
        (["linux/s390x*, linux/amd64, linux/386"], ["emulated", None, None, "native"]),
        (["windows/amd64"], [None] * 4),
        ([], [None] * 4),
    ],
)
def test_a_builder_says_whose_programs_it_runs_and_how(platforms, expected):
    nodes = nodes_of("".join(f"{HERE}{words}\nLabels: x\n" for words in platforms))
    found = [node_of(nodes, arch) for arch in ARCHES]
    assert [node and node.how(arch) for node, arch in zip(found, ARCHES, strict=True)] == expected


def test_of_the_nodes_of_a_builder_that_of_the_architecture_is_taken_before_one_that_emulates_it():
    text = "Name: pair\nDriver: remote\n\nNodes:\nName:      near\nPlatforms: linux/amd64*, linux/arm64\n\n"
    nodes = nodes_of(f"{text}Name: far\nPlatforms: linux/arm64*, linux/riscv64\n")
    names = {arch: node.name for arch in ARCHES if (node := node_of(nodes, arch))}
    assert names == {"amd64": "near", "arm64": "far", "riscv64": "far"}


class Client:
    """A builder of amd64 that emulates arm64, at a tenth of its speed or another."""

    def __init__(self, *, measures=True, factor=10):
        self.built, self.ran, self.measures, self.factor = [], [], measures, factor

    def nodes(self, arch):
        if arch == "s390x":
            raise HostError("it is gone")
        return nodes_of("Platforms: linux/amd64, linux/arm64")

    def command(self, arch):
        return ["docker"]

    def run(self, words, log, timeout_s, cancelled):
        (platform,) = (word.rpartition("/")[2] for word in words if word.startswith("--platform="))
        self.ran.append(platform)
        slow = self.factor if platform == "arm64" else 1
        steps = [("short", 0.2), ("long", 0.2 + 0.3 * slow)]
        told = [{"name": f'[3/4] RUN ["/{name}"]', "started": stamp(0), "completed": stamp(seconds)} for name, seconds in steps]
        log.write_text("{what no JSON is\n" + "".join(json.dumps({"vertexes": [item]}) + "\n" for item in told) + '{"vertexes": null}\n')
        return SandboxResult(exit_code=0 if self.measures else 1, seconds=1.0)

    def build(self, request, *, cancelled):
        self.built.append(request.arch)
        return SandboxResult(exit_code=0, seconds=1.0)


def stamp(seconds):
    """As BuildKit writes times: to the nanosecond."""
    return f"2026-11-24T20:00:{seconds:012.9f}Z"


def request(folder, arch, **changes):
    given = {
        "inputs": "0",
        "stage": "",
        "arguments": (),
        "runs": True,
        "network": False,
        "fresh": False,
        "bases": (),
        "timeout_s": 1,
        **changes,
    }
    return ImageBuild(dockerfile=folder / "Dockerfile", context=folder, arch=arch, output=folder / "x", log=folder / "log", **given)


def told_of(folder, client, *requests):
    told = []
    wary = Wary(client, told.append)
    for arch, changes in requests:
        wary.build(request(folder, arch, **changes), cancelled=lambda: False)
    assert client.built == [arch for arch, _ in requests]
    return told


def test_emulation_is_told_once_with_what_it_costs(tmp_path):
    client = Client()
    (told,) = told_of(tmp_path, client, ("arm64", {}), ("arm64", {}))
    assert "10 times" in told
    assert "--builder arm64=" in told
    assert client.ran == ["arm64", "amd64"]


def test_what_turns_out_to_be_no_slower_is_not_told_of(tmp_path):
    assert told_of(tmp_path, Client(factor=1), ("arm64", {})) == []


def test_where_it_can_not_be_measured_it_is_told_all_the_same(tmp_path):
    (told,) = told_of(tmp_path, Client(measures=False), ("arm64", {}))
    assert "arm64" in told


@pytest.mark.parametrize(("arch", "changes"), [("amd64", {}), ("riscv64", {}), ("s390x", {}), ("arm64", {"runs": False})])
def test_what_is_not_emulated_or_runs_nothing_is_not_told_of(tmp_path, arch, changes):
    assert told_of(tmp_path, Client(), (arch, changes)) == []


def test_what_may_reach_the_network_is_not_built_offline(tmp_path):
    client = Buildx(environment={"PATH": "/nowhere"}, offline=True)
    with pytest.raises(FetchError) as caught:
        client.build(request(tmp_path, "amd64", network=True), cancelled=lambda: False)
    assert caught.value.hint
    with pytest.raises(HostError):  # anything else only lacks a client
        client.build(request(tmp_path, "amd64"), cancelled=lambda: False)


def test_the_program_of_this_machine_turns_and_ends(tmp_path):
    file = Path(tmp_path, "turns")
    file.write_bytes(program(MACHINES[platform.machine()], TURNS))
    file.chmod(0o755)
    assert subprocess.run([file], check=False).returncode == 0
