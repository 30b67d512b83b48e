"""`lkbuild linuxkit convert`: a BUILD.yaml with the text of the sections where it means the same, without it where it does not."""

import textwrap

import pytest

from lkbuild.app.linuxkit.convert import convert
from lkbuild.base.errors import LoadError, UsageError


@pytest.fixture
def converted(tmp_path):
    """The text of the BUILD.yaml of files a.yml, b.yml, and the sections that were written anew."""

    def run(*texts, dry_run=True):
        for name, text in zip("ab", texts, strict=False):
            (tmp_path / f"{name}.yml").write_text(textwrap.dedent(text))
        names = [f"{name}.yml" for name, _ in zip("ab", texts, strict=False)]
        done = convert(names, name="x", layout="oci", cwd=tmp_path, environment={}, dry_run=dry_run)
        return done.text, done.anew

    return run


def test_comments_stay_where_they_are(converted):
    text, anew = converted("""\
        # What this is.
        kernel: # the kernel
          image: k
        # Once.
        onboot:
          # First.
          - name: a   # a name
            image: i
    """)
    assert anew == ()
    assert text.index("# What this is.") < text.index("kernel: # the kernel") < text.index("# Once.") < text.index("- name: a   # a name")
    assert "\n      # First.\n" in text


def test_lists_of_several_files_are_joined_whatever_their_indentation(converted):
    first = "services:\n    # one\n    - name: a\n      image: i\n"
    second = "# from b\nservices:\n- name: b\n  image: i\n  env:\n  - A=1\n"
    text, anew = converted(first, second)
    assert anew == ()
    assert text.count("services:") == 1
    assert text.index("# one") < text.index("- name: a") < text.index("# from b") < text.index("- name: b")


@pytest.mark.parametrize(
    "section",
    [
        "init: &x [a]\nonboot: [{name: b, image: i, command: *x}]",  # an alias
        "onboot: [{name: b, image: i, oomScoreAdj: 1_00}]",  # a number for Go alone
        "onboot: [{name: b, image: i, uid: 0b11}]",
        "onboot: [{name: b, image: i, hostname: !!str 5}]",
        "init: !!seq [a]",
    ],
)
def test_what_a_build_file_can_not_say_so_is_written_anew(section, converted):
    _, anew = converted(section)
    assert anew


def test_text_that_looks_like_a_number_stays_text(converted):
    text, _ = converted("init: &x [a]\nonboot: [{name: b, image: i, hostname: '1e3', env: ['0o7', 'yes', ''], command: *x}]")
    assert all(f'"{value}"' in text for value in ("1e3", "0o7", ""))


def test_kernels_of_two_files_are_one(converted):
    text, anew = converted("kernel: {image: k, cmdline: a}", "kernel: {cmdline: b}")
    assert anew == ("kernel",)
    assert "cmdline: b" in text
    assert "cmdline: a" not in text


def test_sources_are_data_and_those_of_a_home_are_nobodys(converted, tmp_path):
    (tmp_path / "motd").write_text("x")
    text, _ = converted('files: [{path: a, source: ./motd}, {path: b, source: "~/key", optional: true}]')
    assert "data:\n    - motd\n" in text


def test_a_source_outside_of_the_folder_is_an_error(converted, tmp_path):
    (tmp_path.parent / "outside").write_text("x")
    with pytest.raises(LoadError):
        converted("files: [{path: a, source: ../outside}]")


def test_a_file_that_is_there_is_not_written_over(converted, tmp_path):
    converted("init: [a]", dry_run=False)
    before = (tmp_path / "BUILD.yaml").read_text()
    with pytest.raises(UsageError):
        converted("init: [b]", dry_run=False)
    assert (tmp_path / "BUILD.yaml").read_text() == before


def test_below_a_workspace_it_is_a_package_of_it(converted, tmp_path):
    assert "workspace:" in converted("init: [a]")[0]
    (tmp_path / "BUILD.yaml").write_text("workspace: {name: w}\n")
    assert "workspace:" not in converted("init: [a]")[0]
