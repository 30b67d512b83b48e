import lzma

import pytest

from lkbuild.locks.deb.index import BadIndex, Index, Relation, decompressed, paragraphs, parse_relations


def test_versions_are_sorted_newest_first_by_debian_rules(index):
    found = index(("a", {"version": "1.0"}), ("a", {"version": "1:0.1"}), ("a", {"version": "1.0~rc1"}), ("a", {"version": "1.0+b1"}))
    assert [package.version for package in found.versions("a")] == ["1:0.1", "1.0+b1", "1.0", "1.0~rc1"]


def test_a_paragraph_may_lie_across_chunks():
    text = b"Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\n\n"
    for cut in range(len(text)):
        assert len(list(paragraphs([text[:cut], text[cut:]]))) == 2


def test_relations_keep_bounds_alternatives_and_qualifiers():
    assert parse_relations("a (>= 1:2.3-4), b:any | c, d (<< 5~)") == (
        (Relation("a", ">=", "1:2.3-4"),),
        (Relation("b", arch="any"), Relation("c")),
        (Relation("d", "<<", "5~"),),
    )


@pytest.mark.parametrize("text", ["a (> 1)", "A", "a (>= 1", "a b", "a [amd64]"])
def test_what_is_no_relation_is_refused(text):
    with pytest.raises(BadIndex):
        parse_relations(text)


@pytest.mark.parametrize(
    ("operator", "bound", "admitted"),
    [("<<", "1.0", False), ("<=", "1.0", True), ("=", "1.0", True), ("=", "1.0-0", True), (">=", "1.0~", True), (">>", "1.0", False)],
)
def test_bounds_compare_as_debian_does(operator, bound, admitted):
    assert Relation("a", operator, bound).admits("1.0") is admitted


def test_an_unversioned_provision_is_within_no_bound():
    assert not Relation("v", ">=", "1").admits(None)
    assert Relation("v").admits(None)


def test_providers_come_with_the_version_that_they_provide(index):
    found = index(("a", {"provides": "v (= 3), w"}), ("b", {"provides": "v"}))
    assert [(package.name, version) for package, version in found.providers("v")] == [("a", "3"), ("b", None)]
    assert [package.name for package, _ in found.providers("w")] == ["a"]


def test_a_truncated_index_is_refused():
    with pytest.raises(BadIndex):
        list(decompressed(lzma.compress(b"x" * 100_000)[:-20]))


def test_what_is_no_xz_file_is_refused():
    with pytest.raises(BadIndex):
        list(decompressed(b"<html>not found</html>"))


def test_an_index_that_expands_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("lkbuild.locks.deb.index.MAX_INDEX", 1 << 20)
    with pytest.raises(BadIndex):
        list(decompressed(lzma.compress(bytes(3 << 20))))


def test_a_paragraph_without_a_digest_is_refused_when_it_is_used():
    index = Index("amd64")
    index.add([b"Package: a\nVersion: 1\nArchitecture: amd64\nFilename: pool/a.deb\nSize: 1\n"])
    with pytest.raises(BadIndex):
        index.versions("a")


def test_a_paragraph_without_a_name_is_refused():
    with pytest.raises(BadIndex):
        Index("amd64").add([b"Version: 1\n"])
