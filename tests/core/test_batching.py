"""The batch size: tried on a GPU only, as large as speed and memory ask for."""

import pytest

from curation_core.batching import default_batch, fitting_batch, is_tried


class Machine:
    """An embedder and the clock it runs by: seconds(batch) per call, memory for `room` items."""

    def __init__(self, seconds, room=10_000):
        self.seconds, self.room, self.now, self.sizes = seconds, room, 0.0, []

    def __call__(self, batch):
        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        self.now += self.seconds(len(batch))

    def clock(self):
        return self.now


def tried(machine, n=1000):
    return fitting_batch(machine, range(n), machine.clock)


def test_it_grows_while_more_at_once_is_faster():
    assert tried(Machine(lambda n: 1.0 + 0.001 * n)) == 256
    assert tried(Machine(lambda n: 1.0 + 0.05 * n)) == 128  # 17.3 items a second, 18.6 at 256


def test_it_stays_small_where_nothing_is_gained():
    assert tried(Machine(lambda n: 0.1 * n)) == 8


def test_it_stops_where_memory_does():
    machine = Machine(lambda n: 1.0, room=50)
    assert tried(machine) == 32
    assert tried(Machine(lambda n: 1.0, room=4)) == 1


def test_it_tries_no_more_items_than_there_are():
    machine = Machine(lambda n: 1.0)
    assert tried(machine, n=20) == 16
    assert max(machine.sizes) == 16


def test_other_errors_come_through():
    def broken(batch):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        fitting_batch(broken, range(100))


@pytest.mark.parametrize(
    ("attributes", "is_found", "size"),
    [
        ({}, False, 32),
        ({"device": "cpu"}, False, 32),
        ({"device": "cpu", "preferred_batch": 8}, False, 8),
        ({"device": "cuda"}, True, 32),
        ({"device": "cuda", "preferred_batch": 128}, False, 128),
    ],
)
def test_on_a_cpu_the_clock_decides_nothing(attributes, is_found, size):
    embedder = type("E", (), attributes)()
    assert is_tried(embedder) is is_found
    assert default_batch(embedder) == size
