"""Progress bars for people at a terminal, on standard error; nothing moves where nobody looks."""

import contextlib
import sys
import time
from collections.abc import Iterator


class Bar:
    """A progress that draws one line per stage on standard error; silent where nobody looks."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.stage, self.began, self.drawn = "", 0.0, 0.0

    def __call__(self, stage: str, done: int, total: int, **figures: float) -> None:
        """Draw the line when enough time has passed."""
        now = time.monotonic()
        if stage != self.stage:
            self.finish()
            self.stage, self.began, self.drawn = stage, now, 0.0
            if not self.live:
                print(f"{stage}: {total:,} to do", file=sys.stderr)
        if self.live and (now - self.drawn > 0.1 or done == total):
            self.drawn = now
            print(f"\r\x1b[2K{self._line(done, total, now - self.began, figures)}", end="", file=sys.stderr, flush=True)

    def _line(self, done: int, total: int, spent: float, figures: dict[str, float]) -> str:
        share = done / total if total else 1.0
        left = f"{spent / share - spent:.0f} s left" if 0 < share < 1 else f"{spent:.1f} s"
        shown = "  ".join(f"{name} {value:,.4g}" for name, value in figures.items())
        return f"{self.stage:<12} {'█' * round(share * 24):░<24} {done:,}/{total:,}  {left}  {shown}"

    def finish(self) -> None:
        """End the line that is being drawn."""
        if self.live and self.stage:
            print(file=sys.stderr)


@contextlib.contextmanager
def progress_bar() -> Iterator[Bar]:
    """A bar that leaves the terminal tidy, also after an error."""
    bar = Bar()
    try:
        yield bar
    finally:
        bar.finish()
