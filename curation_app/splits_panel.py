"""Splits for training and testing: names and shares, what they hold, and whether anything leaks."""

import streamlit as st

from curation_app import loaders
from curation_app.boundary import escaped
from curation_app.pool import Pool
from curation_app.state import set_widget, widget
from curation_core.config import SplitConfig
from curation_core.errors import ConfigError, CurationError
from curation_core.sampling import SamplingPlan
from curation_core.splits import Leakage, Splits
from curation_core.workspace import Workspace

_SAID = "splits-said"
MOST_LIVE = 50_000  # items of the tree up to which splits follow every move of the slider


def panel(ws: Workspace, pool: Pool, plan: SamplingPlan) -> None:
    """Shares as text, and the counts of the present draw."""
    config, key = ws.settings.split, f"splits-{ws.path.name}"
    told = ", ".join(f"{name} {round(100 * share, 2):g}" for name, share in (config or SplitConfig()).shares.items())
    st.text_input("Names and shares, %", told, key=f"{key}-shares", help="Such as train 80, val 10, test 10.")
    columns = ["the tree alone", *pool.label_columns]
    column = config.column if config and config.column in columns else columns[0]
    st.selectbox("Even along", columns, columns.index(column), key=f"{key}-column")
    with st.container(horizontal=True):
        st.button("Use these splits", key=f"{key}-use", on_click=_use, args=(ws, key))
        if config is not None:
            st.button("No splits", key=f"{key}-none", type="tertiary", on_click=_forget, args=(ws,))
    if said := widget(_SAID):
        st.error(escaped(str(said)), icon=":material/error:")
    if config is None:
        st.caption("The draw is not parted. Groups of near-duplicates and copies would stay together.")
    elif pool.hierarchy.n_items <= MOST_LIVE or st.toggle("Work them out", key=f"{key}-live"):
        _counts(ws, plan, config)


def shares_of(text: str) -> dict[str, float]:
    """Names and shares in per cent from a text such as train 80, test 20; raises ConfigError for anything else."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().rpartition(" ")
        try:
            found[name.strip()] = float(share.removesuffix("%")) / 100
        except ValueError:
            raise ConfigError(f"shares are {text!r}; write names with per cent, such as train 80, test 20") from None
    return found


def _use(ws: Workspace, key: str) -> None:
    set_widget(_SAID, "")
    column = widget(f"{key}-column")
    try:
        shares = shares_of(str(widget(f"{key}-shares") or ""))
        ws.configure(split={"shares": shares, "column": None if column == "the tree alone" else column})
    except CurationError as error:
        set_widget(_SAID, str(error))


def _forget(ws: Workspace) -> None:
    ws.forget_splits()


def _counts(ws: Workspace, plan: SamplingPlan, config: SplitConfig) -> None:
    named = f"{loaders.made_of(ws, plan.config)}:{plan.config!r}:{loaders.check(ws, 'duplicates').key}"
    splits, leaks = _splits(named, repr(config), ws, plan, config)
    counts = splits.counts(plan.indices)
    total = max(1, sum(counts.values()))
    st.markdown(
        "  \n".join(f"**{escaped(name)}** {count:,} ({100 * count / total:.1f} %)" for name, count in counts.items())
    )
    if leaks is None:
        st.caption("Copies stay together. Look for near-duplicates (Data, Duplicates) to keep those together too.")
    else:
        largest = f"the most alike in two splits: {leaks.largest:.3f}" if leaks.largest else "none alike in two splits"
        st.caption(f"{leaks.pairs:,} near-duplicates leak; {largest}.")


@st.cache_resource(max_entries=8, show_spinner="Parting the draw")
def _splits(
    named: str,  # noqa: ARG001 - the texts are the cache's key
    config: str,  # noqa: ARG001
    _ws: Workspace,
    _plan: SamplingPlan,
    _config: SplitConfig,
) -> tuple[Splits, Leakage | None]:
    found = _ws.splits(_plan, _config)
    if found is None:
        raise ConfigError("no splits are set; give names and shares")
    return found, _ws.leakage(found)
