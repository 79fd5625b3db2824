"""What is in the pool, and what belongs together?"""

from curation_app import jobs_panel, loaders, show
from curation_app.explore import explore


def main(ws):
    steps = loaders.status(ws)
    if steps["cluster"].state == "done":
        explore(ws)
    elif not jobs_panel.panel(ws, ("ingest", "embed", "cluster", "project", "run"), "explore"):
        show.needs("cluster", steps["cluster"].reason, "explore")


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
