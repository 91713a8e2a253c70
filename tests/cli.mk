# tests/cli.mk - the program.
check_PROGRAMS += tests/make_crops
tests_make_crops_SOURCES = tests/make_crops.c
TESTS += tests/cli.sh tests/runs.sh
EXTRA_DIST += tests/cli.sh tests/runs.sh
