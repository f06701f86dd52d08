# Every task of the project. `make` alone lists them. Needed beforehand: Python 3.11 to 3.14 and make.
#
#   PYTHON=python3.12   the interpreter that .venv is made from
#   PIP_ARGS=...        passed to pip, e.g. to name another index for a smaller build of PyTorch
#   ARGS=...            passed on by `make notebooks`, `make colab`, `make train`, `make bench` and `make results`
#   PORT=8000           where `make serve` listens
#   STRICT=1            `make test` fails where a program is missing or a check is left out, unless it wants a GPU
#   WORKERS=4           how many tests run side by side; as many as the machine has processors, 4 at most

PYTHON ?= python3
PORT ?= 8000
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count()))')
BIN := .venv/bin
READY := .venv/.ready
VENDOR := _build/vendor/.ready
BOOK := _build/.book
RULED := _build/.ruled
TESTED := _build/.tested
REPORT := _build/tests.xml
FIGURES := _build/course/figures/LICENSE.md

BOOK_FILES := _config.yml _toc.yml $(addprefix tools/,site_repairs.py downloads.py search_words.py) $(shell find book -type f -not -path '*/.*' 2>/dev/null)
TEST_FILES := Makefile pyproject.toml environment.yml CITATION.cff .ci/run \
	$(wildcard README.md) $(shell find vcodec tests tools benchmarks -type f -not -name '*.pyc' 2>/dev/null)

PYTEST = OMP_NUM_THREADS=1 TQDM_DISABLE=1 $(BIN)/pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder
define RULES
	@echo "Checking the code's rules: ruff check"
	@$(BIN)/ruff check --quiet
	@echo "Checking the code's layout: ruff format"
	@$(BIN)/ruff format --quiet --check
	@echo "Checking the types: mypy"
	@$(BIN)/mypy --no-error-summary
endef

.PHONY: help book test quick report lab notebooks wheel colab course course-test serve train bench results torture lock clean
.DELETE_ON_ERROR:

help:  ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "  %-16s %s\n", $$1, $$2 }'

book: $(BOOK)  ## build the site into _build/html
	@echo "The book is ready: open _build/html/index.html, or run 'make serve'."

test: $(if $(FORCE)$(STRICT),forget)  ## lint, types, tests, chapters and site; FORCE=1 repeats a passed run
	@if $(MAKE) --no-print-directory -q $(TESTED); then \
		echo "Nothing changed since the last run; to repeat it: make test FORCE=1"; \
	else $(MAKE) --silent $(READY) && $(BIN)/python -m tools.programs $(if $(STRICT),--strict) && \
		$(MAKE) --no-print-directory -j 2 $(TESTED); fi
	@echo "All checks passed on $$(cat $(TESTED))."

quick: $(READY)  ## while you work, under 3 minutes: lint, types, tests; no chapters, no browser, no slow tests
	$(RULES)
	@echo "Running the quick tests: pytest"
	@$(PYTEST) -m "not slow and not browser" tests

report:  ## print what the last crawl of the site found: requests, errors and weight of every page
	@$(BIN)/python tools/site_report.py

lab: $(READY)  ## open JupyterLab on copies of the chapters, in lab/
	@$(BIN)/python -m tools.lab
	@$(BIN)/jupyter lab lab

notebooks: $(READY)  ## run every chapter from a fresh kernel and store its outputs; ARGS= names chapters
	@$(BIN)/python tools/notebooks.py $(ARGS)

wheel: $(READY)  ## build the package as one file, into _build/wheel: for pip, and for Colab's first cell
	@$(BIN)/python -m tools.downloads

colab: $(READY)  ## run chapters of the last commit in a fresh environment, as on Colab; ARGS= names chapters
	@$(BIN)/python tools/colab.py $(ARGS)

course: $(FIGURES)  ## write slides, handouts, figures, quizzes, assignments and the packs into _build/course
	@$(BIN)/python -m tools.course

course-test: $(READY)  ## release and grade every assignment in both variants, every wrong answer too: some minutes
	@$(PYTEST) --dist load tests/course/all_assignments.py

serve: $(BOOK)  ## show the built site on http://127.0.0.1:8000
	@echo "The book is at http://127.0.0.1:$(PORT) (Ctrl+C stops)."
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

train: $(READY)  ## train a codec: make train ARGS="..."
	@$(BIN)/vcodec train $(ARGS)

bench: $(READY)  ## measure speed and rate-distortion; ARGS="..." chooses
	@$(BIN)/python benchmarks/run.py $(ARGS)

results: $(READY)  ## measure what is out of date and write the tables; ARGS=FOLDER of pictures, or ARGS=--quick
	@$(BIN)/python -m tools.results $(ARGS)

torture: $(READY)  ## damage, kill and starve everything for up to 20 minutes; ARGS="--share 0.01" tries it
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.torture $(ARGS)

clean:  ## delete what was built; .venv stays
	@echo "Deleting _build and the tools' caches."
	@rm -rf _build .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The lock is a constraints file: it fixes versions, and each platform still adds the packages of its own.
# PyTorch keeps its version unless told otherwise (make lock TORCH=2.14.0): its builds differ between platforms.
TORCH ?= $(shell sed -n 's/^torch==//p' requirements.lock)
lock:  ## renew requirements.lock from a clean environment
	@echo "Making a clean environment with PyTorch $(TORCH) (some minutes)."
	@rm -rf _build/lock && $(PYTHON) -m venv _build/lock
	@_build/lock/bin/pip install -q $(PIP_ARGS) torch==$(TORCH)
	@_build/lock/bin/pip install -q $(PIP_ARGS) torch==$(TORCH) -e ".[book,test,rivals]"
	@{ echo "# Constraints for pip: every version that the project was tested with. Made by: make lock"; \
		_build/lock/bin/pip freeze --all --exclude pip --exclude-editable \
		| sed -e 's/+cpu$$//' -e '/^nvidia-/d' -e '/^triton==/d' -e '/^cuda-/d'; } > requirements.lock
	@rm -rf _build/lock
	@echo "requirements.lock: $$(wc -l < requirements.lock) versions."

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || \
		{ echo "vcodec needs Python 3.11 to 3.14; choose one: make PYTHON=python3.12"; exit 1; }
	@if test -x $(BIN)/python; then echo "Bringing .venv up to date (details in .venv/install.log)."; \
	else echo "Setting up .venv (about 2 GB, some minutes; details in .venv/install.log)."; $(PYTHON) -m venv .venv; fi
	@$(BIN)/pip install --no-compile $(PIP_ARGS) -c requirements.lock -e ".[book,test,rivals]" > .venv/install.log 2>&1 || \
		{ tail -n 20 .venv/install.log; exit 1; }
	@touch $@

$(FIGURES): $(READY) tools/figures.py $(wildcard book/*.ipynb)
	@echo "Running the chapters for their figures as SVG: about ten minutes, and again only when a chapter changes."
	@rm -rf $(@D)
	@$(BIN)/python -m tools.figures

$(VENDOR): tools/vendor.py $(READY) $(wildcard vcodec/weights/scic-jpeg-x*.safetensors)
	@echo "Collecting the browser files that the site serves itself."
	@$(BIN)/python tools/vendor.py
	@touch $@

$(BOOK): $(BOOK_FILES) $(VENDOR)
	@echo "Building the book (details in _build/book.log)."
	@rm -rf _build/html
	@$(BIN)/jupyter-book build --all --warningiserror --nitpick --keep-going . > _build/book.log 2>&1 || \
		{ tail -n 40 _build/book.log; exit 1; }
	@touch $@

forget:
	@rm -f $(TESTED) $(RULED)
.PHONY: forget

$(RULED): $(TEST_FILES) $(READY)  # side by side with the book, which keeps one processor busy, too
	$(RULES)
	@mkdir -p $(@D) && touch $@

$(TESTED): $(BOOK) $(RULED) $(TEST_FILES)
	@echo "Running the tests, the chapters and the site's crawl: pytest"
	@$(PYTEST) --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg --junitxml $(REPORT) tests \
		$(wildcard book/*.ipynb)
	@$(BIN)/python -m tools.left_out $(REPORT) $(if $(STRICT),--strict) > $@
