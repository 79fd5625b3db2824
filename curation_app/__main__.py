"""`python -m curation_app`: serve the app on this machine."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from curation_app.places import WORKSPACES
from curation_core.errors import CurationError


def parser() -> argparse.ArgumentParser:
    """The options of the server."""
    made = argparse.ArgumentParser(prog="python -m curation_app", description="Serve Curation Studio on this machine.")
    made.add_argument(
        "--workspaces",
        type=Path,
        default=Path(os.environ.get(WORKSPACES, "workspaces")),
        help="folder that holds the workspaces",
    )
    made.add_argument(
        "--root", action="append", default=[], metavar="NAME=DIR", help="a folder that may be read; repeatable"
    )
    made.add_argument("--port", type=int, default=8501)
    made.add_argument(
        "--address", default="127.0.0.1", help="interface to listen on; behind a proxy that checks users, 0.0.0.0"
    )
    made.add_argument("--max-upload", metavar="SIZE", help="largest upload, such as 20GB; 0 turns uploads off")
    made.add_argument("--allow-http", action="store_true", help="let roots begin with http")
    made.add_argument("--headless", action="store_true", help="do not open a browser")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 2 when an option is wrong."""
    from curation_app.server import build, options, prepare

    asked = parser().parse_args(arguments)
    try:
        prepare(asked.workspaces, asked.root, max_upload=asked.max_upload, allow_http=asked.allow_http)
    except CurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"Curation Studio: http://{asked.address}:{asked.port}\n")
    sys.stdout.flush()
    build(asked.address).run(config=options(asked.port, asked.address, asked.headless))
    return 0


if __name__ == "__main__":
    sys.exit(main())
