.DEFAULT_GOAL := help
.PHONY: help run run-cluster test bench build format tidy lint clean

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build Itemgate and watch it save this machine's Debian package index, each record exactly once
	@tools/setup run
	@tools/build release && tools/import-debian-index

run-cluster: ## the same through three servers at once, on PostgreSQL and Redis, all started here and taken down again
	@tools/setup cluster
	@tools/build release && tools/import-through-cluster

test: ## everything CI checks: all tests, sanitizers, clang, fuzzers (tools/ci dev: the first step only)
	@tools/setup test
	@tools/ci

bench: ## measure the workloads W1 to W4 and the HTTP service; with ITEMGATE_PEERS=folder beside others (docs/benchmarks.md)
	@tools/setup run
	@tools/build release && build/release/apps/itemgate/itemgate bench
	@test -z "$(ITEMGATE_PEERS)" || bench/compare "$(ITEMGATE_PEERS)"
	@if command -v nginx >/dev/null && command -v wrk >/dev/null; then bench/compare_http; \
	else echo "bench/compare_http is left out: it needs nginx and wrk"; fi

build: ## build build/release/apps/itemgate/itemgate
	@tools/build release

format: ## format the C++ files
	@tools/format

tidy: ## check layers, lengths, banned calls and the like
	@tools/tidy

lint: ## run clang-tidy
	@tools/lint

clean: ## remove all that was built, and the data of `make run`
	rm -rf build
