"""One cluster on the right of Explore: where it hangs, what is known of it, and what people call it."""

import streamlit as st

from curation_app import deciding, loaders, state, tree_figures
from curation_app.boundary import escaped
from curation_app.chart_tree import figure_text
from curation_app.scene import Scene
from curation_app.tree_places import cluster_names, selected_cluster
from curation_core.children import ancestors
from curation_core.decisions import MOST_LABEL


def cluster_facts(scene: Scene) -> list[str]:
    """Where the selected cluster hangs and what is known of it, ready for Markdown; nothing for other selections."""
    chosen = selected_cluster(scene)
    if chosen is None:
        return []
    names = cluster_names(scene)
    above = " › ".join(escaped(names.name(*place)) for place in ancestors(scene.pool.hierarchy, *chosen))
    return [*([f"in {above}"] if above else []), f"level {chosen[0]}", *_figure(scene)]


def _figure(scene: Scene) -> list[str]:
    figure, chosen = tree_figures.chosen(scene), selected_cluster(scene)
    if figure is None or figure.kind == "drawn" or chosen is None:
        return []
    level, cluster = chosen
    found = tree_figures.of_levels(scene, figure)[level - 1]
    text = figure_text(float(found.values[cluster]), figure)
    name = f" ({found.names[int(found.classes[cluster])]})" if found.classes is not None else ""
    return [escaped(f"{figure.title} {text}{name}")] if text else []


def name_form(scene: Scene) -> None:
    """A field for what the selected cluster is called by people; empty takes the name away."""
    chosen = selected_cluster(scene)
    if chosen is None:
        return
    level, cluster = chosen
    given = scene.decided.labels[level - 1].get(cluster, "") if scene.decided.labels else ""
    key = f"name-{scene.pool.key}-{level}-{cluster}-{scene.decided.n_events}"
    with st.form(f"{key}-form", border=False), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input(
            "Name this cluster",
            value=given,
            max_chars=MOST_LABEL,
            key=key,
            placeholder="Name this cluster",
            label_visibility="collapsed",
        )
        st.form_submit_button("Name", icon=":material/edit:", on_click=lambda: _name(scene, level, cluster, key))


def _name(scene: Scene, level: int, cluster: int, key: str) -> None:
    text = " ".join(str(state.widget(key) or "").split())
    if text == scene.decided.labels[level - 1].get(cluster, ""):
        return
    deciding.decide_cluster(scene.ws, level, cluster, "label", text)
    if not loaders.decisions(scene.ws).tree.sizes(level)[cluster]:
        state.say(f"Another cluster of level {level} is named {text}: both are one now. Undo takes it back.")
        return
    state.say(f"Cluster {cluster}: {f'named {text}' if text else 'its name is taken away'}. Undo takes it back.")
