# The commands of a developer; `make help` lists them.
#
# Build output goes where cargo puts it: ./target, or $CARGO_TARGET_DIR. Every cargo call takes the
# whole workspace, one of the two profiles, and no RUSTFLAGS: anything else builds RocksDB again, which
# takes a quarter of an hour on two cores.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/release

# What `make demo` streams: a file like tests/demo/flights-2013-01.csv.gz (.csv or .csv.gz), or - for
# standard input. Empty: that file itself.
FLIGHTS ?=
# Further arguments of the program behind demo, bench, chaos or fuzz.
ARGS ?=

.PHONY: help demo test chaos bench lint fmt audit fuzz release setup-build setup-test

help: ## Lists these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: release ## Streams a month of real flights through a broker that is killed on the way
	$(RELEASE)/demo $(if $(FLIGHTS),--flights '$(FLIGHTS)') $(ARGS)

test: setup-test $(if $(CI),lint) ## Runs every test (with CI set: lints first)
	scripts/test

chaos: setup-test ## Runs the long crash, power-loss and corruption tests (hours)
	cargo build --workspace --all-targets --locked
	LEVEE_CHAOS=1 cargo test --workspace --lib --bins --tests --locked --no-fail-fast -- --include-ignored $(ARGS)

bench: release ## Prints the figures that the broker is measured by
	$(RELEASE)/bench $(ARGS)

lint: setup-build ## Checks format, lints, scripts, licences and banned crates
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	scripts/lint-scripts
	scripts/audit --offline

fmt: ## Formats the code
	cargo fmt --all

audit: ## Checks dependencies against licences, bans and known advisories (cargo-deny, network)
	scripts/audit

fuzz: ## Fuzzes the decoders, a minute for each (nightly Rust, cargo-fuzz; ARGS=SECONDS)
	scripts/fuzz $(ARGS)

release: setup-build ## Builds leveed and levee
	cargo build --release --workspace --bins --locked

setup-build:
	@scripts/setup build

setup-test:
	@scripts/setup test
