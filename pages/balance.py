"""How many items, and how evenly?"""

from curation_app import balance_parts, balancing, jobs_panel, loaders, show


def main(ws):
    steps = loaders.status(ws)
    if steps["cluster"].state != "done":
        if not jobs_panel.panel(ws, ("ingest", "embed", "cluster", "project", "run"), "balance"):
            show.needs("cluster", steps["cluster"].reason, "balance")
        return
    pool = loaders.pool(ws)
    part = balance_parts.choose()
    config = balancing.settings(ws, pool.hierarchy.n_items)
    balance_parts.show_part(part, ws, pool, config, loaders.draw(ws, config))


ws = loaders.current()
if ws is None:
    show.no_workspace()
else:
    main(ws)
