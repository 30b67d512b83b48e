"""How explanations read: a target that would run, and what the last build ran."""

from lkbuild.app.explanation import AttributeChange, Change, Explanation
from lkbuild.app.why import LastBuild, TargetWhy
from lkbuild.cli.console import Style
from lkbuild.cli.explained import last_lines, target_lines

OLD, NEW = "a" * 64 + "/25", "b" * 64 + "/31"
CHANGES = (
    Change(
        kind="source",
        name="p/settings.txt",
        was=OLD,
        now=NEW,
        action="//p:strip genrule",
        position="p/BUILD.yaml:2",
        attribute="srcs[0]",
        chain=tuple(f"//p:{number} genrule" for number in range(9)),
    ),
    Change(
        kind="argument",
        name="2",
        was="set -eu\ncp $SRCS $OUT",
        now="set -eu\ncat $SRCS > $OUT",
        action="//p:other genrule",
        position="p/BUILD.yaml:12",
        chain=("//p:other genrule", "//p:both genrule"),
        attributes=(AttributeChange(name="cmd", was="cp $SRCS $OUT", now="cat $SRCS > $OUT"),),
        diff=("@@ -1,2 +1,2 @@", " set -eu", "-cp $SRCS $OUT", "+cat $SRCS > $OUT"),
    ),
    Change(kind="source", name="q/of-a-group.txt", was=OLD, now=NEW, action="//p:strip genrule", position="p/BUILD.yaml:2"),
    Change(kind="environment", name="ARCH", was="amd64", now=None, action="//p:other genrule", position="p/BUILD.yaml:12"),
    Change(kind="configuration", name="", was="amd64", now="arm64", action="//p:other genrule"),
    Change(kind="input", name="/", was=f"output of {OLD} tree", now=None, action="//p:other genrule"),
    Change(
        kind="argument",
        name="1",
        was="a\x1b[31m",
        now="",
        action="//p:x fetch",
        attributes=(AttributeChange(name="lock", was="one\ntwo\n", now="one\n"),),
    ),
)
EXPLANATIONS = (
    Explanation(action="//p:both genrule", reason="changed", changes=CHANGES),
    Explanation(action="//p:new genrule", reason="first"),
    Explanation(action="//p:lost genrule", reason="not_cached"),
    Explanation(action="//p:bad genrule", reason="failed"),
)


def test_targets(golden):
    found = [
        TargetWhy(label="//p:both", configuration="amd64", state="would_run", needed=4, explanations=EXPLANATIONS),
        TargetWhy(label="//p:back", configuration="amd64", state="cached", explanations=EXPLANATIONS[1:2]),
        TargetWhy(label="//p:quiet", configuration="amd64", state="up_to_date"),
    ]
    golden("explained/targets.txt", "\n".join(line for item in found for line in target_lines(item, Style())) + "\n")


def test_the_last_build(golden):
    found = LastBuild(
        id="20261122-033000.125-9f2c",
        time=0.0,
        targets=("//a", "//b", "//c", "//d"),
        counts={"executed": 2, "up_to_date": 8},
        explanations=EXPLANATIONS,
    )
    golden("explained/last.txt", "\n".join(last_lines(found, Style())) + "\n")
