import pytest

from lkbuild.locks.deb.lockfile import diff
from lkbuild.locks.kinds import KINDS
from lkbuild.model.deb_lock import AbsentPackage, LockFormatError, closure, parse_lock

HEAD = "# lkbuild deb-lock 1\n# suite: trixie\n# components: main\n# date: 2026-09-12T07:55:41Z\n# recommends: no\n"


def row(name, deps="-", arch="amd64", version="1.0", digit="0"):
    return f"{arch} {name} {version} pool/main/{name}_{version}_{arch}.deb 10 {digit * 64} {deps}\n"


GOOD = HEAD + row("a", "b") + row("b")


def problems(text, request):
    return [(problem.line, problem.message) for problem in KINDS["deb"].check(request, text)]


def test_a_lock_that_holds_what_is_asked_for_has_no_problem(request_text):
    assert problems(GOOD, request_text(["a"])) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("nonsense\n", 1),
        (HEAD + row("a").replace(" 10 ", " ten "), 6),
        (HEAD + row("a") + row("a"), 7),
        (HEAD + row("a").replace("0" * 64, "0" * 63), 6),
        (HEAD + row("a").replace("pool/main/", "../"), 6),
        (HEAD + row("a").replace(" -", ""), 6),
        (HEAD + "<<<<<<< ours\n" + row("a"), 6),
        (HEAD.replace("# suite: trixie\n", "") + row("a"), 1),
    ],
)
def test_a_damaged_lock_is_a_problem_at_its_line(request_text, text, line):
    assert [where for where, _ in problems(text, request_text(["a"]))] == [line]


@pytest.mark.parametrize(
    ("text", "changes", "line"),
    [
        (GOOD, {"suite": "forky"}, 1),
        (GOOD, {"components": ["main", "contrib"]}, 1),
        (GOOD, {"recommends": True}, 1),
        (GOOD, {"exclude": ["b"]}, 7),
        (GOOD, {"arches": ["amd64", "arm64"]}, 1),
        (GOOD + row("a", arch="s390x"), {}, 8),
        (HEAD + row("a", "b"), {}, 6),
        (GOOD + row("c"), {}, 8),
        (HEAD + row("c"), {}, 1),
    ],
)
def test_a_lock_that_does_not_fit_its_request_is_a_problem_at_a_line(request_text, text, changes, line):
    assert line in [where for where, _ in problems(text, request_text(["a"], **changes))]


def test_a_difference_names_what_was_added_removed_and_changed():
    new = HEAD + row("b", version="1.1") + row("c") + row("c", arch="arm64")
    assert [str(change) for change in diff(GOOD, new)] == ["- a 1.0 (amd64)", "~ b 1.0 -> 1.1 (amd64)", "+ c 1.0 (amd64, arm64)"]


def test_other_bytes_under_the_same_version_are_a_change():
    assert [str(change) for change in diff(HEAD + row("a"), HEAD + row("a", digit="1"))] == ["~ a 1.0 -> 1.0 (amd64)"]


def test_no_lock_at_all_is_an_empty_lock_for_a_difference():
    assert [change.name for change in diff("", GOOD)] == ["a", "b"]


def walk(text, *names, without=()):
    return [entry.name for entry in closure(parse_lock(text), "amd64", names, without)]


def test_a_closure_lists_each_package_before_what_it_needs():
    text = HEAD + row("a", "b,c") + row("b", "d") + row("c", "b") + row("d")
    assert walk(text, "a") == ["a", "c", "b", "d"]
    assert walk(text, "b") == ["b", "d"]


def test_a_closure_ends_in_a_cycle():
    assert walk(HEAD + row("a", "b") + row("b", "a"), "a") == ["a", "b"]


def test_what_is_left_out_takes_with_it_what_only_it_needs():
    text = HEAD + row("a", "b,c") + row("b", "d") + row("c") + row("d")
    assert walk(text, "a", without=["b"]) == ["a", "c"]


def test_a_long_chain_is_no_recursion():
    rows = "".join(row(f"p{number:05}", f"p{number + 1:05}") for number in range(5000))
    assert len(walk(HEAD + rows + row("p05000"), "p00000")) == 5001


@pytest.mark.parametrize("arguments", [{"names": ["bb"]}, {"names": ["a"], "without": ["bb"]}])
def test_a_name_that_the_lock_does_not_hold_is_an_error_with_the_nearest(arguments):
    text = HEAD + row("a", "busybox") + row("busybox")
    with pytest.raises(AbsentPackage) as caught:
        closure(parse_lock(text), "amd64", ["busybx"])
    assert caught.value.near == ("busybox",)
    with pytest.raises(AbsentPackage, match="bb"):
        closure(parse_lock(text), "amd64", **arguments)


def test_what_is_left_out_may_belong_to_another_architecture():
    assert walk(HEAD + row("a") + row("libgcc", arch="arm64"), "a", without=["libgcc"]) == ["a"]


def test_a_name_of_another_architecture_says_so():
    with pytest.raises(AbsentPackage) as caught:
        closure(parse_lock(HEAD + row("a", arch="arm64")), "amd64", ["a"])
    assert (caught.value.name, caught.value.others) == ("a", ("arm64",))


def test_the_format_refuses_a_name_twice():
    with pytest.raises(LockFormatError):
        parse_lock(HEAD + row("a") + row("a"))
