# Two commands do everything: `make demo` and `make test`.
.POSIX:

CARGO = cargo

.PHONY: help build demo test lint bench instructions conformance clean

help:
	@echo 'make demo   build, then lose a device under a signing application and watch'
	@echo 'make test   install what the tests need (root and apt) and run them'
	@echo 'make build  the module and the command, optimised, in target/release'
	@echo 'make lint   formatting, clippy, links of the documentation'
	@echo 'make bench  the table beside SoftHSM2'
	@echo 'make instructions  what a call costs, beside the committed counts (valgrind)'
	@echo 'make conformance  what modules do of the standard, into docs/conformance.md'

build:
	$(CARGO) build --release --locked -p hsmsim-pkcs11-module -p hsmsim-cli

demo: build
	target/release/hsmsim drill run device-loss

test:
	scripts/test

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --document-private-items --locked

bench:
	$(CARGO) build --release --locked -p hsmsim-pkcs11-module -p hsmsim-cli -p hsmsim-benches
	$(CARGO) bench --locked -p hsmsim-benches --bench compare

instructions:
	scripts/instructions

conformance:
	scripts/conformance

clean:
	$(CARGO) clean
