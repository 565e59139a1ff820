# make test        the tests, under six minutes on two cores
# make race        the race detector, everywhere
# make bench       benchmarks
# make peers       a window of meta-training, timed next to PyTorch and JAX: bench/README.md
# make crash       metatrain, killed and hindered at hundreds of system calls; Linux with strace
# make mutants     small changes to the code, each of which some test must notice: an hour on two cores
# make ci          the whole gate

.PHONY: test race bench peers crash mutants ci
test:
	go test ./...
race:
	go test -race ./...
bench:
	go test -run '^$$' -bench . -benchmem ./...
peers: bench/.venv/installed
	go run ./bench/peers
bench/.venv/installed: bench/requirements.txt
	python3 -m venv bench/.venv
	bench/.venv/bin/pip install -r bench/requirements.txt
	touch $@
crash:
	go run ./bench/crash
mutants:
	nice go run ./internal/mutants
ci:
	bash .ci/run
