# `make run` and `make test` do all set-up themselves; a second run installs nothing.

.PHONY: setup run test lint screenshots bench bench-million

setup:
	@tools/setup dev

run:
	@tools/setup run
	@exec .venv/bin/python server.py $(ARGS)

test:
	@tools/test $(ARGS)

lint:
	@tools/setup dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

screenshots:
	@tools/setup test
	.venv/bin/python -m tools.screenshots $(ARGS)

bench:
	@tools/setup bench
	.venv/bin/python -m bench $(ARGS)

bench-million:
	@tools/setup bench
	.venv/bin/python -m bench million $(ARGS)
