import pytest

from lkbuild.base.errors import LockError
from lkbuild.locks.deb.resolve import resolve


def names(resolved):
    return sorted(resolved.packages)


def test_a_closure_holds_dependencies_and_pre_dependencies(index):
    found = resolve(index(("a", {"depends": "b"}), ("b", {"pre_depends": "c"}), "c", "unrelated"), ["a"])
    assert names(found) == ["a", "b", "c"]
    assert found.deps == {"a": ("b",), "b": ("c",), "c": ()}


def test_the_newest_version_is_taken(index):
    found = resolve(index(("a", {"version": "6.12.94-1"}), ("a", {"version": "6.12.107-1"})), ["a"])
    assert found.packages["a"].version == "6.12.107-1"


def test_an_older_version_is_taken_where_a_relation_asks_for_it(index):
    found = resolve(index(("a", {"depends": "b (<< 2)"}), ("b", {"version": "1"}), ("b", {"version": "2"})), ["a"])
    assert found.packages["b"].version == "1"


def test_the_first_alternative_that_can_be_met_is_taken(index):
    assert names(resolve(index(("a", {"depends": "gone | b | c"}), "b", "c"), ["a"])) == ["a", "b"]


def test_an_alternative_whose_own_needs_can_not_be_met_is_given_up(index):
    found = resolve(index(("a", {"depends": "b | c"}), ("b", {"depends": "gone"}), "c"), ["a"])
    assert names(found) == ["a", "c"]


def test_a_named_alternative_is_preferred(index):
    found = resolve(index(("a", {"depends": "b | c"}), "b", "c"), ["a", "c"])
    assert found.deps["a"] == ("c",)


def test_an_alternative_that_is_needed_anyway_is_preferred(index):
    found = resolve(index(("a", {"depends": "b | c, d"}), "b", "c", ("d", {"depends": "c"})), ["a"])
    assert names(found) == ["a", "c", "d"]


def test_a_virtual_package_is_met_by_the_provider_of_the_highest_priority(index):
    found = resolve(
        index(("a", {"depends": "awk"}), ("gawk", {"provides": "awk"}), ("mawk", {"provides": "awk", "priority": "required"})), ["a"]
    )
    assert found.deps["a"] == ("mawk",)


def test_a_versioned_relation_needs_a_versioned_provision(index):
    found = resolve(
        index(("a", {"depends": "v (>= 2)"}), ("b", {"provides": "v"}), ("c", {"provides": "v (= 1)"}), ("d", {"provides": "v (= 2)"})),
        ["a"],
    )
    assert found.deps["a"] == ("d",)


def test_an_excluded_package_satisfies_nothing(index):
    packages = index(("a", {"depends": "systemd | standalone"}), "systemd", "standalone")
    assert resolve(packages, ["a"], exclude=frozenset({"systemd"})).deps["a"] == ("standalone",)


def test_a_conflict_sends_the_search_back_to_another_alternative(index):
    found = resolve(index(("a", {"depends": "b | c, d"}), "b", "c", ("d", {"conflicts": "b"})), ["a"])
    assert names(found) == ["a", "c", "d"]


def test_breaks_of_an_older_version_only_is_no_conflict(index):
    found = resolve(index(("a", {"depends": "b", "breaks": "b (<< 1.0)"}), "b"), ["a"])
    assert names(found) == ["a", "b"]


def test_breaks_chooses_another_version(index):
    packages = index(("a", {"depends": "b", "breaks": "b (>= 2)"}), ("b", {"version": "1"}), ("b", {"version": "2"}))
    assert resolve(packages, ["a"]).packages["b"].version == "1"


def test_a_conflict_with_a_virtual_name_that_one_provides_oneself_is_none(index):
    found = resolve(index(("a", {"provides": "mta", "conflicts": "mta"})), ["a"])
    assert names(found) == ["a"]


def test_a_conflict_that_can_not_be_avoided_is_an_error_with_both_names(index):
    with pytest.raises(LockError) as caught:
        resolve(index(("a", {"depends": "b, c"}), ("b", {"conflicts": "c"}), "c"), ["a"])
    assert "b" in caught.value.message
    assert "conflicts with c" in caught.value.message


def test_named_packages_that_conflict_may_stand_in_one_lock(index):
    found = resolve(index(("a", {"conflicts": "b"}), "b"), ["a", "b"])
    assert names(found) == ["a", "b"]


def test_a_choice_is_the_same_in_every_closure(index):
    packages = index(("a", {"depends": "x | y"}), ("b", {"depends": "x | y, z"}), "x", "y", ("z", {"depends": "y"}))
    found = resolve(packages, ["a", "b"])
    assert found.deps["a"] == ("x",)
    assert found.deps["b"] == ("x", "z")


def test_closures_that_can_not_agree_on_a_choice_are_an_error(index):
    packages = index(("a", {"depends": "x | y"}), ("b", {"depends": "x | y", "conflicts": "x"}), "x", "y")
    with pytest.raises(LockError) as caught:
        resolve(packages, ["a", "b"])
    assert "x | y" in caught.value.message


def test_cycles_are_followed_once(index):
    found = resolve(index(("a", {"depends": "b"}), ("b", {"depends": "a"})), ["a"])
    assert found.deps == {"a": ("b",), "b": ("a",)}


def test_a_package_that_provides_what_it_needs_needs_no_other(index):
    assert names(resolve(index(("a", {"depends": "v", "provides": "v"}), ("b", {"provides": "v"})), ["a"])) == ["a"]


def test_essential_packages_are_not_implied(index):
    assert names(resolve(index("a", ("dpkg", {"essential": "yes"})), ["a"])) == ["a"]


def test_recommends_are_followed_only_when_asked_for(index):
    packages = index(("a", {"recommends": "b, gone"}), "b")
    assert names(resolve(packages, ["a"])) == ["a"]
    assert names(resolve(packages, ["a"], recommends=True)) == ["a", "b"]


@pytest.mark.parametrize(("qualifier", "met"), [(":any", True), (":native", True), (":amd64", True), (":arm64", False)])
def test_a_relation_is_met_on_its_own_architecture(index, qualifier, met):
    packages = index(("a", {"depends": f"b{qualifier}"}), "b")
    if met:
        assert names(resolve(packages, ["a"])) == ["a", "b"]
    else:
        with pytest.raises(LockError):
            resolve(packages, ["a"])


def test_a_name_that_does_not_exist_is_an_error_with_architecture_and_near_names(index):
    with pytest.raises(LockError) as caught:
        resolve(index("docker.io", "docker-cli", arch="riscv64"), ["docker-io"])
    assert "riscv64" in caught.value.message
    assert "docker.io" in caught.value.hint


def test_a_missing_dependency_is_an_error_with_the_chain_that_needs_it(index):
    packages = index(("a", {"depends": "b"}), ("b", {"depends": "c"}), ("c", {"depends": "libfoo2"}), "libfoo3")
    with pytest.raises(LockError) as caught:
        resolve(packages, ["a"])
    assert "libfoo2" in caught.value.message
    assert caught.value.detail == "needed by c, needed by b, needed by a"
    assert "libfoo3" in caught.value.hint


def test_a_package_that_is_named_and_excluded_is_an_error(index):
    with pytest.raises(LockError):
        resolve(index("a"), ["a"], exclude=frozenset({"a"}))


def test_the_order_of_the_request_does_not_matter(index):
    packages = index(("a", {"depends": "x | y"}), ("b", {"depends": "y | x"}), "x", "y")
    assert resolve(packages, ["a", "b"]).deps == resolve(packages, ["b", "a"]).deps


def test_packages_that_need_each_other_and_were_tried_in_vain_are_left_out(index):
    """The search goes back behind b, c and d, of which each needs the next: resolvelib's own graph of what is reached never ends there."""
    found = resolve(
        index(
            ("a", {"version": "2", "depends": "v (= 2)"}),
            ("a", {"version": "1"}),
            ("b", {"version": "2", "depends": "c", "provides": "v (= 2)"}),
            ("c", {"version": "2", "depends": "d (<= 2)"}),
            ("d", {"version": "2", "depends": "a (<< 2), v"}),
        ),
        ["a"],
    )
    assert {name: package.version for name, package in found.packages.items()} == {"a": "1"}
