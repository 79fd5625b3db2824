"""Pieces made ahead come in order, not too many of them, and errors where they belong."""

import threading
import time

import pytest

from curation_core.prefetch import ahead


def test_results_come_in_order_and_are_made_by_one_thread():
    threads = set()

    def double(number):
        threads.add(threading.get_ident())
        return 2 * number

    assert list(ahead(double, range(20))) == list(range(0, 40, 2))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert list(ahead(double, [])) == []


def test_no_more_are_made_than_asked_for():
    made = []
    results = ahead(made.append, range(100), depth=2)
    next(results)
    time.sleep(0.05)
    assert len(made) == 3
    results.close()
    assert len(made) == 3


def test_an_error_comes_where_its_result_would_have_come():
    def inverse(number):
        return 1 / number

    results = ahead(inverse, [2, 1, 0, 4])
    assert [next(results), next(results)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_the_next_piece_is_made_while_this_one_is_worked_on():
    begun = [threading.Event() for _ in range(10)]

    def make(number):
        begun[number].set()
        return number

    for number in ahead(make, range(10), depth=1):
        if number < 9:
            assert begun[number + 1].wait(10)
