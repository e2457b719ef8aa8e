# `make run` and `make test` do all set-up themselves; a second run installs nothing.

.PHONY: setup run test test-full lint ceph ceph-stop screenshots bench bench-million

setup:
	@tools/setup dev

run:
	@tools/setup run
	@exec .venv/bin/python server.py $(and $(wildcard build/ceph/ceph.conf),--set 'ceph "demo".conf=$(CURDIR)/build/ceph/ceph.conf') $(ARGS)

test:
	@tools/test $(ARGS)

test-full:
	@tools/test --full $(ARGS)

# A throw-away cluster with images and load, in build/ceph; make run finds it.
ceph:
	@tools/setup ceph
	@tools/demo-cluster start

ceph-stop:
	@tools/demo-cluster stop

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
