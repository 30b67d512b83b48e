"""deb_lock, http_file and pypi_file: what they emit, and what they refuse."""

import importlib
import json
from pathlib import Path

import pytest
import yaml

from lkbuild.analysis.load_rules import RuleRegistry
from lkbuild.base.errors import AnalysisError, Position
from lkbuild.base.label import Label
from lkbuild.locks.kinds import KINDS
from lkbuild.model.attrs import FrozenMap, Text
from lkbuild.model.configuration import ARCHES, Configuration
from lkbuild.model.deb_lock import parse_lock
from lkbuild.model.providers import Files, Locked
from lkbuild.model.rule import Analysis, RuleContext
from lkbuild.model.target import Target

ROOT = Path(__file__).parents[3]
HEAD = "# lkbuild deb-lock 1\n# suite: trixie\n# components: main\n# date: 2026-09-12T07:55:41Z\n# recommends: no\n"
LOCK = (
    HEAD
    + f"amd64 app 2.0-1 pool/main/a/app/app_2.0-1_amd64.deb 20 {'1' * 64} lib\n"
    + f"amd64 lib 1.0-1 pool/main/l/lib/lib_1.0-1_amd64.deb 10 {'0' * 64} -\n"
)
SHA256 = "ab" * 32
LABEL = Label("pkg/debian", "debian")


@pytest.fixture(scope="module")
def registry():
    return RuleRegistry.of_workspace(ROOT)


@pytest.fixture
def analyze(registry):
    """Analyze one target; returns its context and its providers by class name."""

    def run(rule, attrs, *, arch="amd64", dependencies=None):
        found = registry.get(rule)
        values = {name: attr.default for name, attr in found.attrs.items()} | attrs
        label = Label("pkg/debian", "it")
        target = Target(
            label=label,
            rule=rule,
            attrs=FrozenMap(values),
            position=Position(file="pkg/debian/BUILD.yaml", line=3),
            positions={(name,): Position(file="pkg/debian/BUILD.yaml", line=10 + number) for number, name in enumerate(sorted(values))},
        )
        configuration = Configuration(arch=arch, exec_arch="amd64")
        context = RuleContext(
            target=target,
            configuration=configuration,
            attrs=values,
            dependencies=lambda label, execution: dependencies[label],
            tool=lambda name, rule: b"",
        )
        return context, {type(item).__name__: item for item in found.analyze(context)}

    return run


def lock_attrs(**changes):
    base = {
        "suite": "trixie",
        "arches": ("amd64",),
        "packages": ("app",),
        "lock": Text("pkg/debian/debian.lock", LOCK),
        "keyring": Text("pkg/debian/key.asc", "KEY"),
    }
    return {**base, **changes}


def test_a_deb_lock_says_what_it_asks_for_in_a_form_that_its_kind_reads(analyze):
    _, providers = analyze("deb_lock", lock_attrs())
    locked = providers["Locked"]
    assert isinstance(locked, Locked)
    assert (locked.kind, locked.path, locked.content) == ("deb", "pkg/debian/debian.lock", LOCK)
    assert KINDS[locked.kind].check(locked.request, locked.content) == ()


def test_packages_of_some_architectures_are_asked_for_there_only(analyze):
    some = FrozenMap({"name": "app", "arches": ("arm64",)})
    _, providers = analyze("deb_lock", lock_attrs(arches=("amd64", "arm64"), packages=("lib", some)))
    assert json.loads(providers["Locked"].request)["packages"] == [
        {"arches": ["arm64"], "name": "app"},
        {"arches": ["amd64", "arm64"], "name": "lib"},
    ]


def test_the_order_of_packages_in_the_target_is_no_part_of_the_request(analyze):
    one, two = (analyze("deb_lock", lock_attrs(packages=names))[1]["Locked"].request for names in (("app", "lib"), ("lib", "app")))
    assert one == two


@pytest.mark.parametrize(
    ("changes", "attribute"),
    [
        ({"keyring": Text("pkg/debian/key.asc", "", missing=True)}, "keyring"),
        ({"packages": ("app", "app")}, "packages"),
        ({"packages": (FrozenMap({"name": "app", "arches": ("s390x",)}),)}, "packages"),
        ({"exclude": ("app",)}, "exclude"),
    ],
)
def test_a_deb_lock_that_contradicts_itself_is_refused_at_the_attribute(analyze, changes, attribute):
    attrs = lock_attrs(**changes)
    with pytest.raises(AnalysisError) as caught:
        analyze("deb_lock", attrs)
    names = sorted({"suite", "components", "arches", "packages", "lock", "keyring", "recommends", "exclude"})
    assert caught.value.position.line == 10 + names.index(attribute)


def test_a_file_of_the_web_is_one_fetch_by_its_digest(analyze):
    context, providers = analyze("http_file", {"urls": ("https://e.example/a/b.tar.gz?x=1",), "sha256": SHA256, "size": 7})
    (action,) = context.actions
    assert action.spec.arguments == ("lkbuild:fetch", "1", f"sha256:{SHA256}", "7")
    assert action.info.sources == ("https://e.example/a/b.tar.gz?x=1",)
    assert isinstance(providers["Files"], Files)
    assert [item.name for item in providers["Files"].files] == ["b.tar.gz"]


def test_where_a_file_comes_from_is_no_part_of_what_it_is(analyze):
    specs = {
        analyze("http_file", {"urls": (url,), "sha256": SHA256, "name": "f"})[0].actions[0].spec for url in ("https://a/x", "https://b/y")
    }
    assert len(specs) == 1


def test_a_file_of_unknown_size_may_be_a_program(analyze):
    context, _ = analyze("http_file", {"urls": ("https://e.example/tool",), "sha256": SHA256, "executable": True})
    assert context.actions[0].spec.arguments[2:] == (f"sha256:{SHA256}", "-", "executable")


def test_a_file_without_a_place_is_refused(analyze):
    with pytest.raises(AnalysisError):
        analyze("http_file", {"urls": (), "sha256": SHA256})


def wheel(**changes):
    return {"project": "Foo.Bar", "version": "1.0", "filename": "foo_bar-1.0-py3-none-any.whl", "sha256": SHA256, **changes}


def test_a_file_of_a_python_index_names_no_index(analyze):
    context, _ = analyze("pypi_file", wheel())
    assert context.actions[0].info.sources == ("pypi:Foo.Bar/foo_bar-1.0-py3-none-any.whl",)


@pytest.mark.parametrize("changes", [{"version": "2.0"}, {"project": "other"}])
def test_a_file_name_of_another_project_or_version_is_refused(analyze, changes):
    with pytest.raises(AnalysisError):
        analyze("pypi_file", wheel(**changes))


@pytest.fixture
def debs(analyze):
    """rules/debs.py as the rules see it, and a function that makes a context that depends on a lock."""
    module = analyze("deb_lock", lock_attrs())[1]["DebLockInfo"].__module__

    def context(lock=LOCK, arch="amd64"):
        _, providers = analyze("deb_lock", lock_attrs(lock=Text("pkg/debian/debian.lock", lock)))
        made, _ = analyze("http_file", {"urls": ("https://e.example/x",), "sha256": SHA256}, arch=arch)
        made.actions.clear()
        made._dependencies = lambda label, execution: Analysis(node=None, actions=(), providers=providers)
        return made

    return importlib.import_module(module.rpartition(".")[0] + ".debs"), context


def test_a_closure_becomes_one_fetch_per_package(debs):
    module, make = debs
    context = make()
    found = module.closure_of(context, LABEL, ["app"])
    assert [entry.name for entry, _ in found] == ["app", "lib"]
    assert [output.action for _, output in found] == [action.info.id for action in context.actions]
    assert [action.info.sources for action in context.actions] == [
        (f"deb:{entry.path}", f"deb-snapshot:20260912T195541Z/{entry.path}") for entry, _ in found
    ]


@pytest.mark.parametrize(
    ("lock", "arch", "names"), [(LOCK, "amd64", ["ap"]), (LOCK, "arm64", ["app"]), ("", "amd64", ["app"]), ("x", "amd64", ["app"])]
)
def test_what_a_lock_does_not_give_is_refused_with_a_position(debs, lock, arch, names):
    module, make = debs
    with pytest.raises(AnalysisError) as caught:
        module.closure_of(make(lock, arch), LABEL, names)
    assert caught.value.position.file == "pkg/debian/BUILD.yaml"


def test_tools_come_from_the_execution_architectures_part(debs):
    module, make = debs
    assert [entry.arch for entry, _ in module.closure_of(make(arch="arm64"), LABEL, ["lib"], execution=True)] == ["amd64"]


def test_our_own_lock_holds_what_its_target_asks_for(analyze):
    """The committed pkg/debian, read without the loader: `lkbuild lock check` in one test."""
    folder = ROOT / "pkg/debian"
    written = yaml.safe_load((folder / "BUILD.yaml").read_text(encoding="utf-8"))["targets"]["debian"]
    attrs = {name: value for name, value in written.items() if name not in ("rule", "doc", "visibility")}
    attrs["packages"] = tuple(item if isinstance(item, str) else FrozenMap(item) for item in attrs["packages"])
    for name in ("lock", "keyring"):
        attrs[name] = Text(f"pkg/debian/{attrs[name]}", (folder / attrs[name]).read_text(encoding="utf-8"))
    _, providers = analyze("deb_lock", attrs)
    assert KINDS["deb"].check(providers["Locked"].request, providers["Locked"].content) == ()


def test_the_bundled_shell_is_the_one_of_our_own_lock_for_every_machine_that_may_build(debs):
    bundled = importlib.import_module(debs[0].__name__.rpartition(".")[0] + ".toolchains.bundled")
    ours = parse_lock((ROOT / "pkg/debian/debian.lock").read_text(encoding="utf-8"))
    shells = {arch: by_name["busybox-static"] for arch, by_name in ours.entries.items()}
    carried = parse_lock(bundled.BUNDLED_LOCK)
    assert set(carried.entries) == set(ARCHES)
    assert {arch: str(by_name["busybox-static"]) for arch, by_name in carried.entries.items()} == {a: str(e) for a, e in shells.items()}
    assert carried.date == ours.date
