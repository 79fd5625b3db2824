"""Executors give the same results in shard order, whoever does the work."""

import os
from pathlib import Path

import pytest

from curation_core.errors import ConfigError, CurationError
from curation_core.executors import Processes, Serial, find_step, shard_step

STEP = f"{__name__}:square"


@shard_step
def square(shard_id, broadcast):
    return shard_id**2 + broadcast["plus"], os.environ.get("OMP_NUM_THREADS"), os.getpid()


@shard_step
def die_once(shard_id, broadcast):
    marker = Path(broadcast["folder"]) / "died"
    if shard_id == 1 and not marker.exists():
        marker.touch()
        os._exit(1)
    return shard_id


@shard_step
def die_always(shard_id, broadcast):
    os._exit(1)


@shard_step
def fail(shard_id, broadcast):
    raise ConfigError(f"shard {shard_id} is wrong")


def unmarked(shard_id, broadcast):
    return shard_id


def test_processes_give_what_serial_gives_in_the_order_asked_for():
    ids = [5, 1, 3]
    serial = Serial().map_shards(STEP, ids, {"plus": 1})
    found = Processes(2).map_shards(STEP, ids, {"plus": 1})
    assert [value for value, *_ in found] == [value for value, *_ in serial] == [26, 2, 10]
    assert {threads for _, threads, _ in found} == {"1"}
    assert os.getpid() not in {process for *_, process in found}


def test_the_environment_is_as_before():
    before = dict(os.environ)
    Processes(1).map_shards(STEP, [1], {"plus": 0})
    assert dict(os.environ) == before


def test_a_lost_worker_is_replaced_once(tmp_path):
    assert Processes(2).map_shards(f"{__name__}:die_once", [0, 1, 2], {"folder": str(tmp_path)}) == [0, 1, 2]
    with pytest.raises(CurationError, match="died twice"):
        Processes(1).map_shards(f"{__name__}:die_always", [0], {})


@pytest.mark.parametrize("executor", [Serial(), Processes(1)])
def test_the_error_of_a_step_comes_through(executor):
    with pytest.raises(ConfigError, match="shard 7 is wrong"):
        executor.map_shards(f"{__name__}:fail", [7], {})


@pytest.mark.parametrize(
    "name", ["os:system", f"{__name__}:unmarked", f"{__name__}:none", "no_such_module:x", "square", ""]
)
def test_only_marked_functions_are_steps(name):
    with pytest.raises(ConfigError, match="is no step"):
        find_step(name)


def test_no_shards_give_no_results():
    assert Processes(2).map_shards(STEP, [], {"plus": 1}) == Serial().map_shards(STEP, [], {"plus": 1}) == []


def test_at_least_one_worker_is_needed():
    with pytest.raises(ConfigError, match="n_workers is 0"):
        Processes(0)
