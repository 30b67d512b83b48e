"""LinuxKit's own configurations against what LinuxKit makes of them: equal, but for the deviations that are named here.

corpus.tar.xz: configurations of LinuxKit's repository at 3bf33c3a (Apache-2.0), stubs of their images as an OCI layout, and the
config.json and runtime.json that a LinuxKit built from that tree wrote (cases.json).
"""

import json
import tarfile
from pathlib import Path

import pytest

from lkbuild.app.linuxkit.convert import convert
from lkbuild.app.linuxkit.inputs import ImagesFrom
from lkbuild.app.linuxkit.spec import spec
from lkbuild.base.errors import LoadError
from lkbuild.linuxkit.deviations import DEVIATIONS

ARCHIVE = Path(__file__).with_name("corpus.tar.xz")
with tarfile.open(ARCHIVE) as archive:
    CASES = json.load(archive.extractfile("cases.json"))

_BY_NAME = "test/cases/040_packages/006_format_mount/002_by_name/test.yml.in"
#: (last file of a case, path in the specifications): the deviation that the case shows there.
DEVIATING = {
    (_BY_NAME, "containers/onboot/000-format/config.json", "process", "args", 1): "texts that start with @",
    (_BY_NAME, "containers/onboot/001-mount/config.json", "process", "args", 2): "texts that start with @",
}
#: Where the cases that LinuxKit refuses are wrong.
REFUSED = {"test/cases/000_build/070_volumes/002_rw_on_ro/test.yml": (12, 9)}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def made(corpus, case):
    return spec(case["files"], images=ImagesFrom(layout=corpus / "images"), arch="amd64", cwd=corpus / "tree", environment={}).specs


def differences(ours, theirs, path=()):
    """Paths at which two JSON values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {*ours, *theirs}:
            if key in ours and key in theirs:
                yield from differences(ours[key], theirs[key], (*path, key))
            else:
                yield (*path, key)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, (*path, index))
    elif ours != theirs:
        yield path


ACCEPTED = [pytest.param(case, id="+".join(case["files"])) for case in CASES if case["ok"]]
OTHERS = [pytest.param(case, id="+".join(case["files"])) for case in CASES if not case["ok"]]


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_specifications_are_linuxkits(case, corpus):
    name = case["files"][-1]
    expected = {path[1:] for path in DEVIATING if path[0] == name}
    assert set(differences(made(corpus, case), case["specs"])) == expected


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_configuration_becomes_a_build_file_that_says_the_same(case, corpus):
    tree = corpus / "tree"
    done = convert(case["files"], name="x", layout="oci", cwd=tree, environment={}, dry_run=True)  # refuses what would say another thing
    comments = {line.strip() for file in case["files"] for line in (tree / file).read_text().splitlines() if line.lstrip().startswith("#")}
    assert [line for line in comments if line not in done.text] == []
    assert set(done.anew) <= {"files"}, "sources of another folder are written anew, nothing else"


@pytest.mark.parametrize("case", OTHERS)
def test_what_linuxkit_refuses_is_refused_at_its_place(case, corpus):
    with pytest.raises(LoadError) as caught:
        made(corpus, case)
    position = caught.value.position
    assert (position.file, position.line, position.column) == (case["files"][-1], *REFUSED[case["files"][-1]])
    assert caught.value.hint
    assert position.line_text


def test_the_whole_corpus_is_there():
    assert (len(ACCEPTED), len(OTHERS)) == (153, 1)


def test_every_deviation_that_a_case_shows_is_documented():
    assert set(DEVIATING.values()) <= {deviation.name for deviation in DEVIATIONS}


def test_a_difference_is_found():
    assert set(differences({"a": [1, 2], "b": 1}, {"a": [1, 3], "c": 1})) == {("a", 1), ("b",), ("c",)}
