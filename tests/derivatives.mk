# Derivatives along a direction, and broken gradient rules, of every op of the table.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_directional tests/test_mutants
TESTS += tests/test_directional tests/test_mutants
tests_test_directional_SOURCES = tests/test_directional.c
tests_test_directional_LDADD = $(TEST_LIBS)
tests_test_mutants_SOURCES = tests/test_mutants.c
tests_test_mutants_LDADD = $(TEST_LIBS)
endif
