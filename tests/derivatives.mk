# Derivatives along a direction, and broken gradient rules, of every op of the table.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_directional tests/test_mutants tests/test_mutants_forward
TESTS += tests/test_directional tests/test_mutants tests/test_mutants_forward
tests_test_directional_SOURCES = tests/test_directional.c tests/op_samples.c tests/op_samples.h
tests_test_directional_LDADD = $(TEST_LIBS)
tests_test_mutants_SOURCES = tests/test_mutants.c tests/mutants.c tests/mutants.h tests/op_samples.c tests/op_samples.h
tests_test_mutants_LDADD = $(TEST_LIBS)
tests_test_mutants_forward_SOURCES = tests/test_mutants_forward.c tests/mutants.c tests/mutants.h tests/op_samples.c tests/op_samples.h
tests_test_mutants_forward_LDADD = $(TEST_LIBS)
EXTRA_DIST += tests/op_values.expected
endif
