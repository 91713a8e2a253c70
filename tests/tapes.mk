# tests/tapes.mk - random tapes: the comparison of many ways to run one.
check_PROGRAMS += tests/random_tapes
TESTS += tests/random_tapes
tests_random_tapes_SOURCES = tests/tapes/main.c tests/tapes/make.c tests/tapes/make.h tests/tapes/recipe.c tests/tapes/recipe.h \
	tests/tapes/compare.c tests/tapes/compare.h tests/tapes/shrink.c tests/tapes/notice.c tests/tapes/notice.h
