# tests/explain.mk - what the engine says of itself.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_explain tests/test_looking
TESTS += tests/test_explain tests/test_looking
tests_test_explain_SOURCES = tests/test_explain.c
tests_test_explain_LDADD = $(TEST_LIBS)
tests_test_looking_SOURCES = tests/test_looking.c
tests_test_looking_LDADD = $(TEST_LIBS)
endif
