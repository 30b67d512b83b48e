"""cache/cache.yaml is read as strictly as BUILD.yaml."""

import pytest

from lkbuild.base.errors import LoadError
from lkbuild.loading.cache_policy import load_cache_policy
from lkbuild.model.cache_policy import CachePolicy


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
