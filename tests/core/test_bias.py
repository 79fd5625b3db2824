import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats.contingency import association

from curation_core.associations import cluster_table
from curation_core.attributes import Attribute, attribute_of, groupable
from curation_core.bias import bias_report, wilson
from curation_core.errors import ConfigError, ShapeError


def attribute(*values):
    return attribute_of("colour", pa.chunked_array([pa.array(values)]))


def of_counts(**counts):
    return attribute(*[name for name, count in counts.items() for _ in range(count)])


def rows_of(found, **counts):
    """The first rows of each value."""
    return np.concatenate([np.flatnonzero(found.codes == found.names.index(n))[:c] for n, c in counts.items()])


def test_shares_before_and_after_and_their_ratio():
    found = of_counts(red=60, blue=30, green=10)
    report = bias_report(found, rows_of(found, red=10, blue=10))
    assert report.groups == ("red", "blue", "green")
    assert report.pool.tolist() == [60, 30, 10]
    assert report.drawn.tolist() == [10, 10, 0]
    assert report.ratio.round(3).tolist() == [0.833, 1.667, 0.0]
    assert (report.lost, report.n_lost) == (("green",), 1)


def test_what_review_left_is_counted_beside():
    found = of_counts(red=4, blue=4)
    reviewed = found.codes == found.names.index("blue")
    assert bias_report(found, np.array([4, 5]), reviewed=reviewed).reviewed.tolist() == [0, 4]


def test_a_protected_group_that_falls_by_more_than_chance_is_named_and_others_are_not():
    found = of_counts(red=500, blue=500)
    taken = rows_of(found, red=10, blue=90)
    assert "red from 50.0 % to 10.0 %" in bias_report(found, taken, protected=["red"]).warning
    assert bias_report(found, taken, protected=["blue"]).warning == ""
    assert bias_report(found, taken).warning == ""
    assert bias_report(found, taken, protected=[]).lowered.tolist() == [0]  # an empty list: all values
    report = bias_report(found, rows_of(found, red=47, blue=53), protected=[])
    assert (report.warning, report.worst) == ("", None)


def test_the_whole_pool_drawn_has_no_doubt_and_nothing_drawn_has_all():
    found = of_counts(red=3, blue=1)
    whole = bias_report(found, np.arange(4))
    assert whole.low.tolist() == whole.high.tolist() == [0.75, 0.25]
    nothing = bias_report(found, np.array([], dtype=np.int64), protected=[])
    assert nothing.low.tolist() == [0, 0]
    assert nothing.high.tolist() == [1, 1]
    assert nothing.warning == ""


@settings(deadline=None)  # a busy machine is no error
@given(st.lists(st.integers(0, 200), min_size=2, max_size=6).filter(sum))
def test_intervals_are_those_of_scipy(hits):
    low, high = wilson(np.array(hits), sum(hits))
    for place, count in enumerate(hits):
        theirs = binomtest(count, sum(hits)).proportion_ci(method="wilson")
        assert (low[place], high[place]) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_random_draws_warn_about_as_often_as_the_interval_promises():
    rng, found = np.random.default_rng(0), of_counts(red=700, blue=300)
    warned = sum(
        bool(bias_report(found, rng.choice(1000, 400, replace=False), protected=["blue"]).warning) for _ in range(400)
    )
    assert 1 <= warned <= 22  # 2.5 % of 400 are 10


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_many_values_fold_into_a_rest_that_loses_nobody(seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, 300, 1000)
    many = Attribute("lemma", "values", codes, tuple(f"v{i}" for i in range(300)))
    report = bias_report(many, rng.choice(1000, 100), protected=["v299"], most=10, clusters=codes % 7, level=1)
    assert report.pool.sum() + report.missing[0] == 1000
    assert report.drawn.sum() + report.missing[2] == 100
    assert report.clusters.counts.sum() == report.pool.sum()
    assert report.groups[-1].endswith("other values")
    assert ("v299" in report.groups) == bool((codes == 299).any())
    assert report.as_json()["n_values"] == len(np.unique(codes[codes >= 0]))


def test_where_all_of_many_values_are_protected_those_that_fall_most_are_shown():
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat(np.arange(400), 25))
    many = Attribute("lemma", "values", codes, tuple(f"v{i}" for i in range(400)))
    drawn = np.flatnonzero(codes >= 100)[: 4 * 1500 : 4]  # none of the first hundred values
    report = bias_report(many, drawn, protected=[])
    assert len(report.groups) <= 2 * 40 + 1
    assert len(report.lowered) == 40
    assert {report.groups[place] for place in report.lowered} <= {f"v{i}" for i in range(100)}
    assert not report.protected[-1]  # the rest is many values
    assert "and 37 more" in report.warning


def test_association_is_none_one_and_what_scipy_says_before_the_correction():
    groups = np.repeat([0, 1, 2], 100)
    assert cluster_table(groups, 3, groups, 1).association == pytest.approx(1.0, abs=1e-9)
    assert cluster_table(groups, 3, groups, 1).information == pytest.approx(1.0)
    rng = np.random.default_rng(1)
    many = rng.integers(0, 5, 300)
    by_chance = cluster_table(groups, 3, many, 1)
    plain = association(np.histogram2d(many, groups, (5, 3))[0].astype(int), method="cramer")
    assert by_chance.association < plain < 0.2
    alone = np.arange(300)  # a cluster each: the plain coefficient says 1, corrected it says nothing
    assert cluster_table(groups, 3, alone, 1).association < 0.1


def test_where_a_value_lives():
    table = cluster_table(np.array([0, 0, 0, 1, 1, -1]), 2, np.array([2, 2, 0, 0, 0, 1]), 1)
    assert table.clusters.tolist() == [0, 2]
    assert table.counts.tolist() == [[1, 2], [2, 0]]
    assert table.home.tolist() == [2, 0]
    assert table.held.round(3).tolist() == [0.667, 1.0]


def test_numbers_become_equal_parts_and_few_numbers_values():
    column = pa.chunked_array([pa.array([*np.arange(100.0), None, float("nan")])])
    found = attribute_of("age", column)
    assert found.kind == "quantiles"
    assert np.bincount(found.codes[:100]).tolist() == [19, 20, 20, 20, 21]
    assert found.codes[100:].tolist() == [-1, -1]
    assert found.names[0] == "0 to below 19"
    assert attribute_of("stars", pa.chunked_array([pa.array([1.0, 2.0, 2.0, 1.0])])).names == ("1", "2")


def test_dates_become_equal_parts():
    days = [f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in (1, 2, 3)]
    found = attribute_of("day", pa.chunked_array([pa.array(days)]))
    assert (found.kind, found.names[0][:10]) == ("quantiles", "2024-01-01")


def test_columns_without_groups_are_refused_in_a_sentence():
    lists = pa.chunked_array([pa.array([[1], [2]])])
    with pytest.raises(ConfigError, match="has no groups"):
        attribute_of("boxes", lists)
    with pytest.raises(ConfigError, match="makes no groups"):
        attribute("a", "b", "c")
    assert groupable(pa.table({"boxes": lists, "kind": ["a", "a"], "id": ["x", "y"]})) == ["kind"]
    with pytest.raises(ShapeError, match="colour"):
        bias_report(attribute("a", "a"), np.array([0]), clusters=np.array([0]))
