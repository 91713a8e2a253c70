# tests/explain.mk - what the engine says of itself.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_explain
TESTS += tests/test_explain
tests_test_explain_SOURCES = tests/test_explain.c
tests_test_explain_LDADD = $(TEST_LIBS)
endif
