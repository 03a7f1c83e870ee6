# Everything a developer or CI runs. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SEED   ?= 1000

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "eda-monitor needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $(STAMP)

venv: $(STAMP) ## make .venv with the project, editable, and all extras

demo: $(STAMP) ## a real Kafka and RabbitMQ with traffic that goes wrong, watched by the agent and the console
	@$(BIN)/eda-monitor demo

services: # Debian packages the tests use, where they may be installed
	@sh .ci/services

test: $(STAMP) services ## run the tests, a file a process, two at once; installs what they need
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

soak: $(STAMP) services ## the parity and kill tests over many more seeds: an hour or so; SEED=n begins elsewhere
	PARITY_WORLDS=600 PARITY_SEED=$(SEED) RECENT_SEEDS=300 KILLS=3000 KILL_SEED=$(SEED) KILL_LIVES=1000 STORIES_ALONE=1 \
		$(BIN)/python -m pytest -s tests/test_parity_alerts.py tests/test_recent.py tests/test_killed.py \
		tests/test_alerts_killed.py tests/test_prometheus_rules.py

check: $(STAMP) ## ruff, mypy --strict, import-linter, the tables of the docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cog --check --diff docs/metrics.md

docs: $(STAMP) ## write the tables of docs/metrics.md
	$(BIN)/cog -r docs/metrics.md

dashboards: $(STAMP) ## render dashboards/grafana and dashboards/prometheus
	$(BIN)/python -c "from monitor.grafana import write_all; write_all()"
	$(BIN)/eda-monitor export-rules --prometheus dashboards/prometheus --grafana dashboards/provisioning/alerting/eda-monitor.yaml
	mv dashboards/prometheus/alertmanager.yml dashboards/alertmanager/alertmanager.yml

images: $(STAMP) services ## draw docs/images: messages as they are received, pages of the console in an incident
	EDA_MONITOR_IMAGES=docs/images/messages $(BIN)/python -m pytest -q tests/browser/test_received.py
	EDA_MONITOR_IMAGES=docs/images/pages $(BIN)/python -m pytest -q tests/browser/test_pages_in_browser.py

verified: $(STAMP) services ## write docs/grafana-verified.md: what every panel shows of an incident; ask all of the demo's
	EDA_MONITOR_VERIFIED=1 $(BIN)/python -m pytest -q tests/integration/test_grafana_verify.py tests/integration/test_dashboards_demo.py

bench: $(STAMP) ## print the benchmarks' ratios
	@for bench in tests/benchmarks/bench_*.py; do PYTHONPATH=tests $(BIN)/python $$bench || exit 1; done

.PHONY: help venv demo services test soak check docs dashboards images verified bench
