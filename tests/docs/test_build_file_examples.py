"""The examples of docs/format/build-file.md load: as one workspace, with the rules that lkbuild carries."""

from __future__ import annotations

import re
from pathlib import Path

from lkbuild.analysis.load_rules import RuleRegistry, bundled_rules
from lkbuild.base.label import Label
from lkbuild.loading.buildfile import SECTIONS
from lkbuild.loading.select import resolve_target
from lkbuild.loading.workspace import WorkspaceLoader
from lkbuild.model.configuration import Configuration
from lkbuild.model.target import COMMON_ATTRS

PAGE = (Path(__file__).parents[2] / "docs" / "format" / "build-file.md").read_text()


def test_the_examples_load(tmp_path: Path) -> None:
    package, workspace = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    (tmp_path / "BUILD.yaml").write_text(workspace)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "BUILD.yaml").write_text(package)
    for name in ("one.txt", "two.txt", "a.conf", "b.bak.conf"):
        (tmp_path / "p" / name).write_text(name)
    rules = RuleRegistry((bundled_rules(),))
    loader = WorkspaceLoader(tmp_path, rules.get, rules.names)
    target = loader.target(Label.parse("//p:greeting"))
    sources = {}
    for arch in ("amd64", "arm64"):
        resolved = resolve_target(target, Configuration(arch=arch, exec_arch="amd64"), loader.workspace.settings)
        sources[arch] = [getattr(item, "path", None) for item in resolved.attrs["srcs"]]
    assert sources == {"amd64": ["p/one.txt", None, "p/a.conf"], "arm64": ["p/one.txt", None, "p/a.conf", "p/two.txt"]}
    assert loader.expand(loader.workspace.default_targets) == (Label.parse("//p:greeting"),)


def test_every_section_and_common_attribute_is_described() -> None:
    assert all(f"{name}:" in PAGE for name in SECTIONS)
    assert all(f"| `{name}` |" in PAGE for name in COMMON_ATTRS)
