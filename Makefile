# `make run` and `make test` do all set-up themselves; a second run installs nothing.

.PHONY: setup run test lint bench

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


bench:
	@tools/setup dev
	.venv/bin/python -m bench
