# tests/cli.mk - the program.
TESTS += tests/cli.sh
EXTRA_DIST += tests/cli.sh
