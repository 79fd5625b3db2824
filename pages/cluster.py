"""How is the pool cut into clusters?"""

import numpy as np
import streamlit as st

from curation_app import charts, forms, jobs_panel, loaders, places, show
from curation_app.boundary import escaped
from curation_app.convergence_words import how_levels_ended
from curation_core import embedders
from curation_core.advice import advise
from curation_core.config import ClusterConfig, EmbedConfig, ProjectConfig
from curation_core.forecast import free_disk, free_memory, predict_cost

JOBS = ("embed", "cluster", "project", "run")
TRACES = (
    ("spread", "Spacing of centroids per resampling step", "spread of gaps (lower is more even)"),
    ("inertia", "Inertia per resampling step", "inertia, squared distance"),
)
ADVANCED = (
    "n_resamples", "resample_size", "resample_strategy", "init", "mode", "max_iter", "cells", "preset", "seed"
)  # fmt: skip


def main(ws):
    steps = loaders.status(ws)
    if steps["ingest"].state != "done":
        jobs_panel.panel(ws, ("ingest", "run"), "cluster-ingest")
        show.needs("ingest", "", "cluster")
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        settings(ws, steps)
    with right:
        busy = jobs_panel.panel(ws, JOBS, "cluster")
        if steps["cluster"].state == "done":
            result(ws, steps)
        elif not busy:
            st.caption("The tree appears here: what each level holds, how it converged, and how sizes spread.")


def settings(ws, steps):
    saved, n = ws.settings, steps["embed"].meta.get("n_items") or steps["ingest"].meta["n_items"]
    dim = steps["prepare"].meta.get("dim", 128)
    with st.container(border=True):
        target = st.number_input(
            "Target size the tree is meant for",
            1,
            n,
            saved.cluster.expected_target,
            key="cluster-target",
            placeholder=f"{round(0.15 * n):,}",
            help=ClusterConfig.model_fields["expected_target"].description,
        )
        advice = advise(n, target, dim=dim)
        st.markdown(f":material/lightbulb: {escaped(advice.reason)}")
        levels = st.text_input(
            "Clusters per level, fine to coarse",
            ", ".join(map(str, saved.cluster.n_clusters or ())),
            key="cluster-levels",
            placeholder=", ".join(map(str, advice.n_clusters)),
            help="Leave empty to take the proposal.",
        )
        with st.expander("Advanced", key="cluster-advanced"):
            embed = embedder(steps, saved.embed)
            values = forms.fields(ClusterConfig, ADVANCED, saved.cluster, key="cluster")
            layout = forms.fields(ProjectConfig, ("method", "n_neighbors", "min_dist"), saved.project, key="project")
        config = ClusterConfig(
            **{**values, "expected_target": target, "n_clusters": forms.numbers("Clusters per level", levels)}
        )
        told_cost(ws, predict_cost(n, dim, config))
        start(ws, steps, n, config, embed, layout)


def told_cost(ws, cost):
    st.caption(f"Clustering here: {escaped(cost.sentence())}. Embedding and map come on top.")
    for warning in cost.warnings(free_memory(), free_disk(ws.path)):
        st.warning(escaped(warning), icon=":material/warning:")


def embedder(steps, saved: EmbedConfig):
    names = ["auto", *embedders.embedder_names(steps["ingest"].meta["modality"])]
    names += [saved.embedder] if saved.embedder not in names else []
    about = EmbedConfig.model_fields["embedder"].description
    chosen = st.selectbox(
        "Embedder",
        names,
        names.index(saved.embedder),
        key="cluster-embedder",
        help=about,
        accept_new_options=True,
        placeholder="a name, or hf:/path/to/model",
    )
    others = forms.fields(EmbedConfig, ("device", "storage"), saved, key="embed")
    made = steps["embed"].meta if steps["embed"].state == "done" else {}
    if made.get("items_per_s"):
        st.caption(
            f"Last time: {escaped(made['model'])} on {escaped(made['device'])}, {made['items_per_s']:,.0f} items a "
            f"second, {made['batch_size']:,} at once, {made['dim']:,} numbers per item."
        )
    return {"embedder": places.allowed_model(chosen or "auto"), **others}


def start(ws, steps, n, config, embed, layout):
    first = steps["cluster"].state == "missing"
    label = f"Cluster {n:,} items" if steps["embed"].state == "done" else f"Embed and cluster {n:,} items"
    label, busy = label if first else f"{label} again", bool(jobs_panel.running(ws))
    if st.button(label, type="primary", icon=":material/account_tree:", key="cluster-start", disabled=busy):
        ws.configure(cluster=config.model_dump(), embed=embed, project=layout)
        jobs_panel.start("run")
        st.rerun()
    if not first and steps["cluster"].state == "stale":
        st.caption(f":material/update: {escaped(steps['cluster'].reason)}")


def result(ws, steps):
    tree, made = loaders.pool(ws).hierarchy, steps["cluster"].meta
    st.caption(
        f"{' → '.join(f'{k:,}' for k in tree.n_clusters)} clusters · {show.duration(made['seconds'])} · "
        f"{show.ago(made['finished'])} · preset {escaped(made['config']['preset'])}"
    )
    show.table(levels(tree), key="levels")
    flat, spread = st.tabs(["Convergence", "Sizes per level"])
    with flat:
        for figure, title, axis in TRACES:
            show.chart(charts.convergence(tree.trace, figure, title, axis), f"trace-{figure}")
        if told := how_levels_ended(tree.trace, made["config"]["n_resamples"]):
            st.caption(" ".join(told))
    with spread:
        level = show.level_choice(tree.n_levels, "sizes-level")
        show.chart(charts.size_histogram(tree.sizes(level), f"Sizes of the clusters of level {level}"), "sizes")


def levels(tree):
    sizes = [tree.sizes(level) for level in range(1, tree.n_levels + 1)]
    return {
        "level": list(range(1, tree.n_levels + 1)),
        "clusters": [len(size) for size in sizes],
        "empty": [int((size == 0).sum()) for size in sizes],
        "median items": [float(np.median(size)) for size in sizes],
        "largest": [int(size.max()) for size in sizes],
        "largest, % of items": [round(100 * float(size.max()) / tree.n_items, 2) for size in sizes],
    }


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
