"""Keep this cluster, or drop it?"""

from curation_app import jobs_panel, loaders, show
from curation_app.review_view import review


def main(ws):
    steps = loaders.status(ws)
    if steps["cluster"].state != "done":
        if not jobs_panel.panel(ws, ("ingest", "embed", "cluster", "project", "run"), "review"):
            show.needs("cluster", steps["cluster"].reason, "review")
        return
    review(ws)


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
