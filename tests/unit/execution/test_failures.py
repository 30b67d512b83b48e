"""What is kept of failed actions, where several builds fail at once."""

from concurrent.futures import ThreadPoolExecutor

from lkbuild.execution.failures import keep_log
from lkbuild.model.action import ActionInfo, ActionSpec, PlannedAction
from lkbuild.model.artifact import ActionId


def test_builds_that_fail_at_the_same_action_at_once_keep_the_last(tmp_path):
    info = ActionInfo(id=ActionId("//p:a (amd64)", 0), mnemonic="genrule", label="//p:a", message="")
    planned = PlannedAction(ActionSpec(arguments=("false",), outputs=()), info)
    with ThreadPoolExecutor(8) as pool:
        errors = list(pool.map(lambda number: keep_log(planned, b"%d\n" % number, "it ended with 1", tmp_path / "failed"), range(400)))
    assert [error.detail.splitlines()[-1] for error in errors] == [str(number) for number in range(400)]
    (kept,) = (tmp_path / "failed").iterdir()
    assert (kept / "log").exists()
