"""Commands of the tree: cluster, project."""

from typing import Annotated

import typer

from curation_core.cli_common import HERE, AsJson, Where, app, given, numbers, open_workspace, say, tell_cost
from curation_core.terminal import progress_bar


@app.command()
def cluster(
    workspace: Where = HERE,
    n_clusters: Annotated[str | None, typer.Option(help="Clusters per level, fine to coarse: 1000,170.")] = None,
    expected_target: Annotated[int | None, typer.Option(help="Target size the tree is meant for.")] = None,
    n_resamples: Annotated[int | None, typer.Option(help="Resampling steps per level.")] = None,
    resample_size: Annotated[str | None, typer.Option(help="Members kept per cluster and level: 2,2.")] = None,
    init: Annotated[str | None, typer.Option(help="How k-means is seeded: kmeans++, kmeans|| or random.")] = None,
    mode: Annotated[str | None, typer.Option(help="fast or compatible.")] = None,
    tolerance: Annotated[float | None, typer.Option(help="Gain, as a share of inertia, that ends a k-means.")] = None,
    cells: Annotated[int | None, typer.Option(help="Cells that a large first level is cut into; 0: never.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="How vectors are prepared: auto, none, l2, pca-64, sqrt-pca-128, whiten-128.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same tree.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build the tree by hierarchical k-means with resampling."""
    options = given(
        n_clusters=numbers(n_clusters, "--n-clusters"),
        expected_target=expected_target,
        n_resamples=n_resamples,
        resample_size=numbers(resample_size, "--resample-size"),
        init=init,
        mode=mode,
        tolerance=tolerance,
        cells=cells,
        preset=preset,
        seed=seed,
    )
    opened = open_workspace(workspace)
    tell_cost(opened, **options)
    with progress_bar() as bar:
        tree = opened.cluster(progress=bar, **options)
    say(
        {"items": tree.n_items, "n_clusters": tree.n_clusters},
        as_json,
        f"{tree.n_items:,} items in {' ▸ '.join(f'{k:,}' for k in tree.n_clusters)} clusters",
    )


@app.command()
def project(
    workspace: Where = HERE,
    method: Annotated[str | None, typer.Option(help="umap or pca.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same map.")] = None,
    refine: Annotated[
        bool | None, typer.Option("--refine/--preview", help="A preview of a large map is there sooner.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lay the items out on a plane, for looking."""
    with progress_bar() as bar:
        found = open_workspace(workspace).project(progress=bar, **given(method=method, seed=seed, refine=refine))
    state = "" if found.refined else ", a preview; run project --refine to refine it"
    say(
        {"items": len(found.xy), "method": found.method, "refined": found.refined},
        as_json,
        f"{len(found.xy):,} items laid out by {found.method}{state}",
    )
