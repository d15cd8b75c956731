# The commands of a developer; `make help` lists them.
#
# Build output goes where cargo puts it: ./target, or $CARGO_TARGET_DIR. RocksDB, which takes a quarter of
# an hour on two cores, is built there once by scripts/rocksdb, unless $ROCKSDB_LIB_DIR names a library.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
RELEASE := $(TARGET_DIR)/release

# What `make demo` streams: a file like tests/demo/flights-2013-01.csv.gz (.csv or .csv.gz), or - for
# standard input. Empty: that file itself.
FLIGHTS ?=
# Further arguments of the program behind demo, bench, chaos or fuzz.
ARGS ?=

BUILT_ROCKSDB := $(if $(ROCKSDB_LIB_DIR),,yes)
ifdef BUILT_ROCKSDB
export ROCKSDB_LIB_DIR := $(TARGET_DIR)/rocksdb-$(shell awk '$$3 == "\"librocksdb-sys\"" { getline; gsub(/"/, "", $$3); print $$3 }' Cargo.lock)
export ROCKSDB_STATIC := 1
endif

.PHONY: help demo test chaos bench lint fmt audit fuzz release setup-build setup-test

help: ## Lists these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: release ## Streams a month of real flights through a broker that is killed on the way
	$(RELEASE)/demo $(if $(FLIGHTS),--flights '$(FLIGHTS)') $(ARGS)

test: setup-test $(if $(CI),lint) ## Runs every test (with CI set: lints first)
	scripts/test

chaos: setup-test ## Runs the long crash, power-loss and corruption tests (hours)
	cargo build --workspace --all-targets --locked
	cargo test --workspace --lib --bins --tests --locked --no-fail-fast -- --ignored $(ARGS)

bench: release ## Prints the figures that the broker is measured by
	$(RELEASE)/bench $(ARGS)

lint: setup-test ## Checks format, lints, fuzz targets, scripts, licences and banned crates
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	scripts/lint-fuzz
	scripts/lint-scripts
	scripts/audit --lint

fmt: ## Formats the code
	cargo fmt --all

audit: ## Checks dependencies against licences, bans and known advisories (cargo-deny, network)
	scripts/audit

fuzz: setup-build ## Fuzzes the decoders, a minute for each (nightly Rust, cargo-fuzz; ARGS=SECONDS)
	scripts/fuzz $(ARGS)

release: setup-build ## Builds leveed and levee
	cargo build --release --workspace --bins --locked

setup-build:
	@scripts/setup build
	@$(if $(BUILT_ROCKSDB),scripts/rocksdb >/dev/null)

setup-test: setup-build
	@scripts/setup test
