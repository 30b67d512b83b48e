"""The repository's targets in every pair of execution and target architecture: analysed, not built. No BUILD.yaml names a pair."""

import json
from pathlib import Path

import pytest

from lkbuild.analysis.analyzer import Analyzer
from lkbuild.analysis.load_rules import RuleRegistry
from lkbuild.base.errors import AnalysisError
from lkbuild.base.label import Label, Pattern
from lkbuild.loading.workspace import WorkspaceLoader
from lkbuild.model.configuration import ARCHES, Configuration, NodeKey

ROOT = Path(__file__).parents[3]
#: What somebody builds on.
BUILDERS = ("amd64", "arm64")
#: The prefix of a kernel's compiler says which one it is.
COMPILERS = {"amd64": "x86-64", "arm64": "aarch64", "riscv64": "riscv64", "s390x": "s390x"}


@pytest.fixture(scope="module")
def loader():
    rules = RuleRegistry.of_workspace(ROOT)
    return WorkspaceLoader(ROOT, rules.get, rules.names)


@pytest.fixture(scope="module")
def analyzer(loader):
    rules = RuleRegistry.of_workspace(ROOT)
    return Analyzer(target=lambda label, referrer: loader.target(label, referrer=referrer), rule=rules.get, tool=rules.tool)


def configuration(builder, arch, kernel="debian"):
    return Configuration(arch=arch, exec_arch=builder, settings=(("kernel", kernel),))


def boot_test(analyzer, label, arch):
    """What a boot test tells its tool."""
    key = NodeKey(label, configuration("amd64", arch))
    (action,) = [planned.spec for planned in analyzer.analyze([key]).by_node[key].actions if planned.spec.arguments[-1] == "tools/boot.py"]
    return next(json.loads(item.artifact.data) for item in action.inputs if item.path == "test.json")


def builders(target):
    """The tags that say where a target can be made: boot loaders are packages of one architecture."""
    return {tag for tag in target.tags if tag.startswith("builder-")}


def fetched(analyses):
    return {planned.info.message for item in analyses.by_node.values() for planned in item.actions if planned.info.sources}


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("kernel", ["source", "debian"])
def test_every_target_that_is_for_an_architecture_can_be_made_for_it(loader, analyzer, builder, arch, kernel):
    targets = [loader.target(label) for label in loader.expand([Pattern.parse("//...")])]
    labels = [target.label for target in targets if arch in (target.arches or ARCHES) and {f"builder-{builder}"} >= builders(target)]
    assert Label("images", "docker-desktop-test") in labels
    assert analyzer.analyze(NodeKey(label, configuration(builder, arch, kernel)) for label in labels).by_node


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("builder", BUILDERS)
def test_a_kernel_is_compiled_by_a_program_of_the_builder_for_the_target(analyzer, builder, arch):
    found = fetched(analyzer.analyze([NodeKey(Label("kernel", "linux"), configuration(builder, arch))]))
    compilers = {message for message in found if message.startswith("fetch gcc-14-") and "linux-gnu_" in message}
    assert any(f"gcc-14-{COMPILERS[arch]}-linux-gnu_" in message for message in compilers)
    # The native one is there too, for programs of the build. No other is, and none of another machine.
    assert len(compilers) == len({arch, builder})
    assert all(message.endswith(f"_{builder}.deb") for message in compilers)


@pytest.mark.parametrize("arch", ARCHES)
def test_a_kernel_that_firmware_can_not_start_as_it_is_comes_as_a_program_that_unpacks_it(analyzer, arch):
    key = NodeKey(Label("kernel", "linux"), configuration("amd64", arch, "source"))
    groups = analyzer.analyze([key]).by_node[key].providers["OutputGroups"].groups
    assert ("efi" in groups) == (arch in {"arm64", "riscv64"})


def test_patience_multiplies_all_times_of_a_boot_test_and_init_s(analyzer):
    usual, patient = (boot_test(analyzer, Label("images", "docker-desktop-test"), arch) for arch in ("amd64", "s390x"))
    assert (usual["cmdline"], patient["cmdline"]) == ("", "lkbuild.patience=5")
    assert patient["timeout_s"] == 5 * usual["timeout_s"]
    assert [step["timeout_s"] for step in patient["steps"][:-1]] == [5 * step.get("timeout_s", 60) for step in usual["steps"][:-1]]


@pytest.mark.parametrize("label", [Label("rules/toolchains", "go"), Label("pkg/binfmt", "qemu")])
def test_what_an_architecture_does_not_have_is_refused_with_what_it_has(analyzer, label):
    with pytest.raises(AnalysisError) as caught:
        analyzer.analyze([NodeKey(label, configuration("amd64", "s390x"))])
    assert caught.value.position.file == f"{label.package}/BUILD.yaml"
    assert caught.value.hint == "it has: amd64, arm64"


def test_a_machine_that_nobody_builds_on_is_refused_where_a_tool_is_asked_for(analyzer):
    with pytest.raises(AnalysisError) as caught:
        analyzer.analyze([NodeKey(Label("pkg/init", "init"), configuration("riscv64", "amd64"))])
    assert caught.value.hint
    assert caught.value.related
