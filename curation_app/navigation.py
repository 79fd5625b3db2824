"""The pages in the order of the data's way."""

from dataclasses import dataclass

import streamlit as st

from curation_app.places import pages_folder


@dataclass(frozen=True)
class View:
    """One page: file name without suffix, title, Material icon, and the section it stands in."""

    name: str
    title: str
    icon: str
    section: str


VIEWS = (
    View("overview", "Overview", ":material/dashboard:", "Data"),
    View("data", "Data", ":material/database:", "Data"),
    View("cluster", "Cluster", ":material/account_tree:", "Structure"),
    View("explore", "Explore", ":material/travel_explore:", "Structure"),
    View("review", "Review", ":material/rule:", "Curate"),
    View("balance", "Balance", ":material/balance:", "Curate"),
    View("export", "Export", ":material/output:", "Curate"),
    View("runs", "Runs", ":material/history:", "History"),
)


def page(name: str) -> st.Page:
    """Streamlit's page object of a view; equal objects every time."""
    view = next(view for view in VIEWS if view.name == name)
    path = pages_folder() / f"{name}.py"
    return st.Page(
        path, title=view.title, icon=view.icon, url_path="" if name == "overview" else name, default=name == "overview"
    )


def sections() -> dict[str, list[st.Page]]:
    """All pages under their sections."""
    found: dict[str, list[st.Page]] = {}
    for view in VIEWS:
        found.setdefault(view.section, []).append(page(view.name))
    # the default page answers at the root alone; a link that names it must not end at "page not found"
    front = pages_folder() / "overview.py"
    found["Data"].append(st.Page(front, title="Overview", url_path="overview", visibility="hidden"))
    return found


def go(name: str) -> None:
    """Turn to another page."""
    st.switch_page(page(name))
