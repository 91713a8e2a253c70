# tests/commits.mk - the end of a step.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_commits
TESTS += tests/test_commits
tests_test_commits_SOURCES = tests/test_commits.c
tests_test_commits_LDADD = $(TEST_LIBS)
endif
