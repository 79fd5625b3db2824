"""The command `curate`: the verbs of Workspace, one command each, with progress bars and one sentence per error."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from curation_core import (  # noqa: F401 - importing them adds their commands
    cli_cards,
    cli_checks,
    cli_compare,
    cli_draw,
    cli_items,
    cli_review,
    cli_runs,
    cli_tree,
    cli_trials,
)
from curation_core.cli_common import app
from curation_core.errors import Cancelled, CurationError


@app.command(name="app")
def serve(
    workspaces: Annotated[
        Path, typer.Option(help="Folder that holds the workspaces.", envvar="CURATE_WORKSPACES")
    ] = Path("workspaces"),
    root: Annotated[
        list[str] | None, typer.Option(help="Folder or s3:// address that may be browsed, as NAME=DIR; repeatable.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    max_upload: Annotated[str | None, typer.Option(help="Largest upload, such as 20GB; 0 turns uploads off.")] = None,
    allow_http: Annotated[bool, typer.Option("--allow-http", help="Let roots begin with http.")] = False,
    headless: Annotated[bool, typer.Option("--headless", help="Do not open a browser.")] = False,
) -> None:
    """Open the app in the browser."""
    arguments = ["--workspaces", str(workspaces), "--port", str(port), "--address", address]
    for entry in root or []:
        arguments += ["--root", entry]
    arguments += ["--max-upload", max_upload] if max_upload is not None else []
    arguments += ["--allow-http"] if allow_http else []
    arguments += ["--headless"] if headless else []
    os.execv(
        sys.executable, [sys.executable, "-m", "curation_app", *arguments]
    )  # a process of its own: the core knows no Streamlit


def main() -> None:
    """Run the command: exit code 0 done, 1 verification failed, 2 an error that one sentence explains, 130 stopped."""
    try:
        app(standalone_mode=True)
    except Cancelled as error:
        print(f"stopped: {error}", file=sys.stderr)
        raise SystemExit(130) from None
    except KeyboardInterrupt:
        print("stopped; what is finished is kept, run the same command to go on", file=sys.stderr)
        raise SystemExit(130) from None
    except CurationError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
