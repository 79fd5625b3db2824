from curation_app.convergence_words import how_levels_ended


def record(level, step, size=5, **more):
    return {"level": level, "step": step, "resample_size": size, "no_op": 0, **more}


def test_a_level_that_ran_to_its_end_tells_what_it_kept():
    assert how_levels_ended([record(1, 0), record(1, 1), record(1, 2)], 2) == [
        "Level 1 kept 5 members of a cluster in resampling."
    ]


def test_a_level_that_ended_early_tells_why():
    trace = [record(1, 0, 8), record(1, 1, 8), record(1, 2, 4), record(1, 3, 2), record(1, 4, 2)]
    assert how_levels_ended(trace, 10) == [
        "Level 1 kept 8 then 4 then 2 members of a cluster in resampling; ended after 4 of 10 steps, as two in a row "
        "flattened it by less than 1 %."
    ]


def test_a_level_with_nothing_to_resample_says_so():
    assert how_levels_ended([record(2, 0), record(2, 1, no_op=1)], 3) == [
        "Level 2 had nothing to resample: no cluster is larger than what is kept."
    ]


def test_a_level_in_cells_tells_how_many_and_how_well():
    assert how_levels_ended([record(1, 0, cells=316, nearest=0.9964)], 0) == [
        "Level 1 was made in 316 cells, and 99.6 % of items have the nearest centroid."
    ]


def test_a_plain_level_needs_no_sentence():
    assert how_levels_ended([record(1, 0)], 0) == []
