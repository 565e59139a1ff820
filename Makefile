# make test        the tests, under six minutes on two cores
# make race        the race detector, everywhere
# make bench       benchmarks
# make ci          the whole gate

.PHONY: test race bench ci
test:
	go test ./...
race:
	go test -race ./...
bench:
	go test -run '^$$' -bench . -benchmem ./...
ci:
	bash .ci/run
