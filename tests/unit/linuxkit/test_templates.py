"""`@pkg:PATH`: the tag of a LinuxKit package by the git tree that it is in."""

import hashlib
import os
import subprocess

import pytest

from lkbuild.app.linuxkit.templates import Packages
from lkbuild.base.errors import LoadError, Position

HERE = Position(file="a.yml")
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder, *arguments):
    names = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *names, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def packages(tmp_path):
    """A repository with the packages pkg/a and pkg/b, committed; templates are resolved from its folder images."""
    for name, build in (("a", "image: a\nmode: 0666\n"), ("b", "image: b\norg: me\ntag: 'v-{{.Hash}}'\nextra-sources: ['../a:/src']\n")):
        (tmp_path / "pkg" / name).mkdir(parents=True)
        (tmp_path / "pkg" / name / "build.yml").write_text(build)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "x")
    return Packages(folder=tmp_path / "images", environment=ENVIRONMENT)


def tree(tmp_path, name):
    return git(tmp_path, "rev-parse", f"HEAD:pkg/{name}")


def test_the_tag_is_the_hash_of_the_tree(packages, tmp_path):
    (tmp_path / "images").mkdir()
    assert packages("@pkg:../pkg/a", HERE) == f"linuxkit/a:{tree(tmp_path, 'a')}"
    assert packages("@pkg:/../pkg/a", HERE) == f"linuxkit/a:{tree(tmp_path, 'a')}"


def test_extra_sources_organisation_and_tag_count(packages, tmp_path):
    (tmp_path / "images").mkdir()
    joined = hashlib.sha1((tree(tmp_path, "b") + tree(tmp_path, "a")).encode()).hexdigest()  # noqa: S324 - LinuxKit's
    assert packages("@pkg:../pkg/b", HERE) == f"me/b:v-{joined}"


def test_a_package_that_was_changed_says_so(packages, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "pkg" / "a" / "new").write_text("new")
    content = hashlib.sha256(b"image: a\nmode: 0666\n" + b"new").hexdigest()[:7]
    assert packages("@pkg:../pkg/a", HERE) == f"linuxkit/a:{tree(tmp_path, 'a')}-dirty-{content}"


def test_outside_a_repository_the_tag_is_latest(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "build.yml").write_text("image: p\n")
    outside = Packages(folder=tmp_path, environment={**ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(tmp_path)})
    assert outside("@pkg:p", HERE) == "linuxkit/p:latest"


@pytest.mark.parametrize("build", ["- a\n", "org: x\n", "image: [\n"])
def test_a_build_yml_that_is_none_is_an_error(build, tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "build.yml").write_text(build)
    with pytest.raises(LoadError):
        Packages(folder=tmp_path, environment=ENVIRONMENT)("@pkg:p", HERE)


def test_without_git_the_error_says_so(packages, tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(LoadError) as caught:
        Packages(folder=packages.folder, environment={"PATH": "/nonexistent"})("@pkg:../pkg/a", HERE)
    assert caught.value.position == HERE
