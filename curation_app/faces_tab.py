"""Data › Faces: search, blur, and correct what was found."""

from collections.abc import Sequence

import streamlit as st

from curation_app import findings, jobs_panel, loaders, show, state
from curation_app.components.grid import Cell, Section, grid
from curation_core.catalog import Catalog
from curation_core.face_results import Faces
from curation_core.workspace import Workspace

PAGE = 60  # crops on one page: each is cut from its original
_PILES = {
    "faces": ("Taken for a face, by score or by a person.", "Not a face", False),
    "near-misses": ("Found, but below the threshold. Is one of them a face?", "Is a face", True),
    "said to be none": ("A person said that these are no faces.", "Is a face after all", True),
}


def faces_tab(ws: Workspace, catalog: Catalog) -> None:
    """Everything about faces in the pictures of a workspace."""
    st.markdown(
        "Faces are found by a small detector that runs on this machine. When asked, they are blurred in every "
        "thumbnail and in exported copies; the originals stay as they are."
    )
    working = jobs_panel.panel(ws, ("faces",), "faces")
    _settings(ws, catalog, working)
    found = findings.faces(ws)
    if found is None:
        return
    limit = ws.settings.faces.threshold
    piles = {"faces": found.above(limit), "near-misses": found.below(limit), "said to be none": found.denied()}
    _figures(catalog, piles)
    _correct(ws, catalog, piles)


def _settings(ws: Workspace, catalog: Catalog, working: bool) -> None:
    config, found = ws.settings.faces, loaders.check(ws, "faces")
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", key="faces-settings"):
        threshold = st.slider(
            "Threshold",
            0.2,
            0.9,
            min(0.9, max(0.2, config.threshold)),
            0.05,
            key=f"faces-threshold-{ws.path.name}",
            width=260,
            help="Score from which a detection is a face. Lower finds more faces and more that are none.",
        )
        blur = st.toggle("Blur faces", config.blur, key=f"faces-blur-{ws.path.name}", help="In thumbnails and exports.")
        changed = blur != config.blur or abs(threshold - config.threshold) > 1e-6
        if found.state == "done" and not changed:
            st.badge("applied", icon=":material/check:", color="gray")
        else:
            again = "Apply" if found.state == "done" else f"Search {show.count(len(catalog), 'picture')}"
            st.button(
                again,
                type="primary",
                key="faces-run",
                icon=":material/familiar_face_and_zone:",
                disabled=working,
                on_click=jobs_panel.start,
                args=("faces",),
                kwargs={"threshold": float(threshold), "blur": bool(blur), "floor": min(config.floor, threshold)},
            )
    if config.blur and found.state == "stale":
        st.caption(":material/warning: New pictures stay without a thumbnail until they have been searched.")


def _figures(catalog: Catalog, piles: dict[str, Faces]) -> None:
    faces = piles["faces"]
    show.figures(
        {
            "Faces": (f"{len(faces):,}", "By score, or by a person's word."),
            "Pictures with faces": (
                f"{faces.n_items:,} · {show.percent(faces.n_items, len(catalog))}",
                "Share of all pictures.",
            ),
            "Near-misses": (f"{len(piles['near-misses']):,}", "Below the threshold: worth a look."),
            "Said to be none": (f"{len(piles['said to be none']):,}", "Detections that a person took back."),
        }
    )


def _correct(ws: Workspace, catalog: Catalog, piles: dict[str, Faces]) -> None:
    names = [name for name in piles if len(piles[name])] or ["faces"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.segmented_control("Which detections", names, default=names[0], key="faces-pile", required=True)
        shown = piles[name].by_score()
        pages = max(1, -(-len(shown) // PAGE))
        label = f"Page of {pages:,}"
        page = int(st.number_input(label, 1, pages, key=f"faces-page-{name}", width=140)) if pages > 1 else 1
        st.space("stretch")
        actions = st.container(horizontal=True, width="content")
    if not len(shown):
        st.caption("No face was found.")
        return
    about, verb, is_face = _PILES[name]
    part = shown.take(slice((page - 1) * PAGE, page * PAGE))
    st.caption(f"{about} Best score first. Cut from the originals for this page, and kept nowhere.")
    picked = grid(ws.path.name, [Section(_cells(ws, catalog, part))], key=f"faces-{name}-{page}", height=420)
    places = [int(one) for one in picked if int(one) < len(part)]
    with actions:
        show.act(
            f"{verb}: {show.count(len(places), 'picked detection')}" if places else f"{verb}: pick detections below",
            f"faces-say-{name}",
            "check" if is_face else "close",
            _say,
            ws,
            part.take(places),
            is_face,
            disabled=not places,
            type="primary",
        )


def _say(ws: Workspace, part: Faces, is_face: bool) -> None:
    ws.correct_faces(part, is_face)
    state.say(f"{show.count(len(part), 'detection')}: {'a face' if is_face else 'no face'}.")


def _cells(ws: Workspace, catalog: Catalog, part: Faces) -> Sequence[Cell]:
    crops = findings.face_crops(ws, part)
    return [
        Cell(str(place), catalog.uri[row].rsplit("/", 1)[-1], note=f"score {score:.2f}", src=crop)
        for place, (row, score, crop) in enumerate(zip(part.row.tolist(), part.score.tolist(), crops, strict=True))
    ]
