"""What is said of targets that a baseline has: as if each had been looked at."""

from lkbuild.app.baseline import Baseline
from lkbuild.app.baseline_report import TargetsInOrder, as_it_was, merged
from lkbuild.base.digest import Digest
from lkbuild.model.action import Source
from lkbuild.model.report import BuildReport, BuiltOutput, TargetReport

A, B, NEW = (Digest.of(text) for text in (b"a", b"b", b"new"))
BASELINE = Baseline(
    root="/w",
    choices=(("p", "a", 0, None, False), ("p", "b", 0, None, False)),
    labels=("//p:a", "//p:b"),
    configurations=("amd64", "amd64"),
    keys=("ka", "kb"),
    chosen=((0,), (1,)),
    wanted=((0,), (1,)),
    outputs=((("/out/a", A.hash, A.size, False),), (("/out/b", B.hash, B.size, True),)),
    actions=("a 0", "b 0"),
    producers=((), ()),
    recipes=("ra", "rb"),
    seconds=(1.0, 2.0),
    takers={},
    nodes=((0,), (1,)),
    names=("//p:a", "//p:b"),
    packages=("p", "p"),
    needs=((), ()),
    answers={},
    loaded={},
    code=frozenset(),
    record="",
)


def report(label, key, path, digest, state, *, tree=False):
    outputs = (BuiltOutput(path=path, digest=digest, tree=tree),)
    return TargetReport(label=label, configuration="amd64", key=key, state=state, outputs=outputs)


OLD_A = report("//p:a", "ka", "/out/a", A, "up_to_date")
OLD_B = report("//p:b", "kb", "/out/b", B, "up_to_date", tree=True)
NEW_B = report("//p:b", "kn", "/out/b", NEW, "built", tree=True)


def test_a_build_that_finds_all_as_it_was_says_what_is_up_to_date_and_what_that_saves():
    said = as_it_was(BASELINE)
    assert said == BuildReport(elapsed_s=0.0, targets=(OLD_A, OLD_B), counts={Source.UP_TO_DATE: 2}, saved_seconds=3.0)
    assert [*said.written()] == [("/out/a", A.hash, 1, False), ("/out/b", B.hash, 1, True)]
    assert said.to_json()["targets"][1]["outputs"][0]["path"] == "/out/b"


def test_a_build_of_one_target_says_it_among_the_others():
    built = BuildReport(elapsed_s=1.0, targets=(NEW_B,), counts={Source.EXECUTED: 1}, executed=("//p:b x",))
    said = merged(BASELINE, built, (~0, 0), 1, frozenset({1}))
    assert said.targets == (OLD_A, NEW_B)
    assert said.counts == {Source.UP_TO_DATE: 1, Source.EXECUTED: 1}
    assert said.saved_seconds == 1.0
    assert [path for path, _, _, _ in said.written()] == ["/out/a", "/out/b"]


def test_targets_that_are_made_when_they_are_looked_at_are_like_those_that_are_there():
    targets, there = TargetsInOrder(BASELINE, (NEW_B,), (~1, 0, ~0)), (OLD_B, NEW_B, OLD_A)
    assert (len(targets), targets[-1], targets[0:2], hash(targets)) == (3, OLD_A, there[0:2], hash(there))
    assert (targets == there, there == targets, targets == there[:2], targets == [*there]) == (True, True, False, False)
    assert [*targets] == [*there]
    assert OLD_A in targets
