# make test        the tests, under six minutes on two cores
# make race        the race detector, everywhere
# make bench       benchmarks
# make fuzz        every fuzz target, ten seconds each; TIME=5m for longer
# make peers       a window of meta-training, and more, timed next to PyTorch and JAX: bench/README.md; PEER='...' for one more
# make crash       metatrain, killed and hindered at hundreds of system calls; Linux with strace
# make chaos       metatrain with workers, servers and learners that are killed: the same bits; five minutes on two cores
# make mutants     small changes to the code, each of which some test must notice: an hour on two cores
# make python      the Python package's tests, with PYTHON=python3; what is missing of PyTorch and optax is skipped, and said
# make generate    generated files, again: the assembly
# make ci          the whole gate: 15 minutes on two cores

.PHONY: test race bench fuzz peers crash chaos mutants python generate ci
test:
	go test ./...
race:
	go test -race ./...
bench:
	go test -run '^$$' -bench . -benchmem ./...
fuzz:
	bash .ci/fuzz $(TIME)
peers: bench/.venv/installed
	go run ./bench/peers
bench/.venv/installed: bench/requirements.txt
	python3 -m venv bench/.venv
	bench/.venv/bin/pip install -r bench/requirements.txt
	touch $@
crash:
	go run ./bench/crash
chaos:
	go run ./bench/chaos
mutants:
	nice go run ./internal/mutants
PYTHON ?= python3
python:
	cd python && $(PYTHON) -m unittest -v
generate:
	go generate ./...
ci:
	bash .ci/run
