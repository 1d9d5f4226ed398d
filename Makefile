# SPDX-License-Identifier: Apache-2.0
# `make run` tries Postern out, `make test` tests all of it. Both install what is missing and work on a fresh Debian 12 with a Swift toolchain.

# The tests run side by side, each with files of its own open.
FILES := [ "$$(ulimit -n)" = unlimited ] || [ "$$(ulimit -n)" -ge 8192 ] || ulimit -S -n 8192

.PHONY: run test unit e2e bench format check

run:
	@echo "Looking for what the build needs."
	@scripts/setup run
	@echo "Building a release; the first time takes about 10 minutes on two cores, later a few seconds."
	@swift build -c release --product postern
	@echo "Starting a gateway to try; Ctrl-C ends it."
	@exec .build/release/postern up

test: check unit e2e
	@echo "All tests passed."

check:
	@echo "Looking for what the tests need."
	@scripts/setup test
	@echo "Checking the form of the code (a few seconds)."
	@scripts/check

unit:
	@scripts/setup test
	@echo "Building for the tests, C code optimised; the first time takes about 15 minutes on two cores."
	@swift build --build-tests -Xcc -O2 --explicit-target-dependency-import-check error
	@echo "Running the unit tests (a few minutes)."
	@$(FILES); swift test --skip-build --no-parallel
	@echo "Giving each parser a minute of mutated input."
	@$(FILES); POSTERN_FUZZ_SECONDS=60 swift test --skip-build --filter 'MutationTests|/fuzz|CertificateReaderTests'

e2e:
	@scripts/setup test
	@echo "Building for the tests and a release; the first time takes about 25 minutes on two cores."
	@swift build --build-tests -Xcc -O2
	@swift build -c release --product postern
	@echo "Running the end-to-end tests with real peers (about 40 minutes)."
	@scripts/e2e

bench:
	@echo "Measuring; this takes a few minutes once it is built."
	@scripts/bench

format:
	@echo "Formatting."
	@scripts/format
