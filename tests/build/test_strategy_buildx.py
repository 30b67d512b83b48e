"""--strategy=buildx: what a command makes on an engine is what it makes in the sandbox, bit for bit."""

import pytest

pytestmark = [pytest.mark.network, pytest.mark.slow]

PROBE = r"""targets:
  probe:
    rule: genrule
    srcs: [word.txt, big.txt, tool.sh]
    outs: [environment, files, here, folder/large, program]
    env: {TWO_LINES: "a\n$b 'c' \"d\" \\"}
    cmd: |
      env | sort > out/environment
      cd /
      find . \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./build \) -prune -o -type f -print |
        grep -v '^./etc/\(hosts\|resolv.conf\)$' | sort > build/out/files
      cd build
      { id -u; id -g; hostname; pwd; umask; ls -ln p; stat -c '%n %a %Y' p/*; cut -d: -f1 /proc/net/dev; } > out/here
      cat p/big.txt p/word.txt > out/folder/large
      cp p/tool.sh out/program && chmod 755 out/program
      echo said by the command
  next: {rule: genrule, srcs: [":probe"], outs: [next], cmd: "cat $SRCS | sha256sum > $OUT"}
  fails: {rule: genrule, outs: [x], cmd: "echo said before; exit 3"}
"""


@pytest.fixture
def probe(docked):
    docked.write("p/BUILD.yaml", PROBE)
    docked.write("p/word.txt", "word\n")
    docked.write("p/big.txt", "0123456789" * 20_000)
    docked.write("p/tool.sh", "#!/bin/sh\n", executable=True)
    return docked


def test_what_comes_out_is_equal_to_the_sandboxes_and_found_under_the_same_key(probe, new_store):
    here = probe.build("//p:next", "//p:probe")
    there = probe.beside("there", cache=new_store("other")).build("--strategy=buildx", "//p:next", "//p:probe")
    assert there.mnemonics == here.mnemonics
    assert there.digests == here.digests
    assert there.keys == here.keys
    assert probe.build("--strategy=buildx", "//p:next").executed == []


def test_a_file_of_the_same_size_and_time_is_another_file(probe):
    """BuildKit compares what it has of a context by size and time alone (moby/buildkit 2592), and ours have one time."""
    probe.write("q/BUILD.yaml", 'targets:\n  q: {rule: genrule, srcs: [word.txt], outs: [q], cmd: "cat $SRCS > $OUT"}\n')
    for word in ("first\n", "other\n"):
        probe.write("q/word.txt", word)
        assert probe.build("--strategy=buildx", "//q").text == word


def test_a_command_that_fails_there_has_its_exit_code_and_its_words(probe):
    (error,) = probe.build("--strategy=buildx", "//p:fails", code=1).errors
    assert (error["class"], error["label"]) == ("BuildFailed", "//p:fails")
    assert "3" in error["message"]


def test_without_an_engine_it_is_the_host_that_lacks_something(probe):
    (error,) = probe.with_(DOCKER_HOST="unix:///nowhere").build("--strategy=buildx", "//p:probe", code=36).errors
    assert error["class"] == "HostError"
    assert error["hint"]
