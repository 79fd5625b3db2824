"""Where items lie: which columns say so, and which values can be true."""

import numpy as np
import pyarrow as pa

from curation_core.catalog import FAILURE_SCHEMA, ITEM_SCHEMA, Catalog
from curation_core.footprints import footprint, place_columns, place_of


def catalog(**columns):
    n = len(next(iter(columns.values())))
    items = pa.table({field.name: pa.nulls(n, field.type) for field in ITEM_SCHEMA}, schema=ITEM_SCHEMA)
    return Catalog("image", items, pa.table(columns), FAILURE_SCHEMA.empty_table())


def test_columns_are_known_by_common_names_in_any_case():
    assert place_columns(catalog(Lon=[1.0], LATITUDE=[2.0])) == ("Lon", "LATITUDE")
    assert place_columns(catalog(longitude=[1.0], name=["a"])) is None
    assert place_columns(catalog(longitude=["1 E"], latitude=["2 N"])) is None


def test_a_place_off_the_earth_or_missing_is_no_place():
    found = catalog(longitude=[10.5, None, 10.0, float("nan"), 200.0], latitude=[50.0, 50.0, 91.0, 0.0, -10.0])
    assert [place_of(found, row) for row in range(5)] == [(10.5, 50.0), None, None, None, (200.0, -10.0)]
    assert footprint(found, np.arange(5)).tolist() == [[10.5, 50.0], [200.0, -10.0]]


def test_many_places_are_drawn_evenly_and_the_same_every_time():
    found = catalog(longitude=np.linspace(-180, 180, 5000), latitude=np.zeros(5000))
    drawn = footprint(found, np.arange(5000), most=200)
    assert drawn.shape == (200, 2)
    assert np.array_equal(drawn, footprint(found, np.arange(5000), most=200))
    assert np.abs(np.histogram(drawn[:, 0], bins=4, range=(-180, 180))[0] - 50).max() < 25


def test_without_columns_there_is_no_footprint():
    assert footprint(catalog(name=["a"]), np.arange(1)).shape == (0, 2)
