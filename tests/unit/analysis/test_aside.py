"""What is printed aside: to stderr while anybody prints aside, and never to a stdout that is lost."""

import sys
import threading

import pytest

from lkbuild.analysis.aside import ASIDE


def test_what_is_printed_aside_is_on_stderr(capsys):
    with ASIDE:
        print("aside")
        with ASIDE:
            print("further")
        print("still aside")
    print("result")
    assert capsys.readouterr() == ("result\n", "aside\nfurther\nstill aside\n")


def test_stdout_is_back_after_an_error():
    before = sys.stdout
    with pytest.raises(ZeroDivisionError), ASIDE:
        raise ZeroDivisionError
    assert sys.stdout is before


def test_stdout_is_back_when_the_last_of_several_threads_leaves_in_whatever_order():
    before = sys.stdout
    inside, leave = threading.Event(), threading.Event()

    def first_in_and_last_out():
        with ASIDE:
            inside.set()
            assert leave.wait(60)

    thread = threading.Thread(target=first_in_and_last_out)
    thread.start()
    assert inside.wait(60)
    with ASIDE:
        pass
    assert sys.stdout is sys.stderr
    with ASIDE:  # the first one leaves in here
        leave.set()
        thread.join()
        assert sys.stdout is sys.stderr
    assert sys.stdout is before
