# tests/budget.mk - memory to a budget.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_budget
TESTS += tests/test_budget
tests_test_budget_SOURCES = tests/test_budget.c tests/noise.h
tests_test_budget_LDADD = $(TEST_LIBS)
endif
TESTS += tests/budget.sh
EXTRA_DIST += tests/budget.sh
