"""What is asked of the sandbox for an action, by what the action declares."""

from lkbuild.execution.strategies.sandboxed import niceness
from lkbuild.model.action import Resources


def test_all_step_back_but_those_that_take_all_processors_or_race_a_clock():
    assert niceness(Resources(cpus=0)) == niceness(Resources(timed=True)) == 0
    assert niceness(Resources(cpus=1)) == niceness(Resources(cpus=2)) > 0
