"""cache/cache.yaml is read as strictly as BUILD.yaml."""

import pytest

from lkbuild.base.errors import LoadError
from lkbuild.loading.cache_policy import load_cache_policy
from lkbuild.model.cache_policy import CachePolicy, TrustedKey


def write(root, text):
    (root / "cache").mkdir()
    (root / "cache/cache.yaml").write_text(text)
    return root


def test_sizes_and_ages_have_units(tmp_path):
    found = load_cache_policy(write(tmp_path, "store:\n  max_size: 2G\n  max_age: 3d\n  min_free: 512\n"))
    assert found == CachePolicy(max_bytes=2 << 30, max_age_s=259200, min_free_bytes=512)


@pytest.mark.parametrize("text", ["", "# nothing\n", "store: {}\n"])
def test_no_policy_is_no_limit(tmp_path, text):
    assert load_cache_policy(write(tmp_path, text)) == CachePolicy()


def test_a_workspace_without_the_file_has_no_limit(tmp_path):
    assert load_cache_policy(tmp_path) == CachePolicy()


@pytest.mark.parametrize(
    ("text", "line"), [("store:\n  max_sise: 2G\n", 2), ("store:\n  max_size: big\n", 2), ("- x\n", 1), ("shop: {}\n", 1)]
)
def test_a_mistake_is_an_error_at_its_place(tmp_path, text, line):
    with pytest.raises(LoadError) as caught:
        load_cache_policy(write(tmp_path, text))
    assert caught.value.position.file == "cache/cache.yaml"
    assert caught.value.position.line == line


KEY = "ed25519:" + "A" * 43 + "="


def test_keys_say_whose_results_count_where_and_when(tmp_path):
    text = f"keys:\n- {{name: ci, public: '{KEY}', from: 1970-01-02, until: 1970-01-03, namespaces: [a/b], revoked: true}}\n"
    (found,) = load_cache_policy(write(tmp_path, text)).keys
    assert found == TrustedKey(name="ci", public=bytes(32), namespaces=frozenset(("a/b",)), since=86400.0, until=172800.0, revoked=True)


@pytest.mark.parametrize(("trust", "signed"), [("", True), ("  trust: signed\n", True), ("  trust: any\n", False)])
def test_who_has_keys_believes_only_what_they_signed(tmp_path, trust, signed):
    text = f"remotes:\n- url: grpc://host\n{trust}keys:\n- {{name: ci, public: '{KEY}'}}\n"
    (remote,) = load_cache_policy(write(tmp_path, text)).remotes
    assert remote.signed is signed


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("remotes:\n- url: grpc://host\n  trust: signed\n", (3, 10)),
        ("keys:\n- name: ci\n  public: ed25519:AAAA\n", (3, 11)),
        (f"keys:\n- name: ci\n  public: {KEY[8:]}\n", (3, 11)),
        (f"keys:\n- name: ci\n  public: {KEY}\n  until: 2026-02-30\n", (4, 10)),
        (f"keys:\n- name: ci\n  public: {KEY}\n  from: tomorrow\n", (4, 9)),
        (f"keys:\n- name: ci\n  public: {KEY}\n- name: other\n  public: {KEY}\n", (5, 11)),
        (f"keys:\n- {{name: ci, public: '{KEY}'}}\n- {{name: ci, public: '{KEY.replace('AA', 'BB', 1)}'}}\n", (3, 10)),
        (f"keys:\n- {{name: ci, public: '{KEY}', revoke: true}}\n", (2, 78)),
        ("keys:\n- name: ci\n", (2, 3)),
    ],
)
def test_a_mistake_about_trust_is_an_error_at_its_place(tmp_path, text, place):
    with pytest.raises(LoadError) as caught:
        load_cache_policy(write(tmp_path, text))
    position = caught.value.position
    assert (position.file, position.line, position.column) == ("cache/cache.yaml", *place)
