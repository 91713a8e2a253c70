# Every op of the table, sample by sample, and values that come from elsewhere.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_ops tests/test_op_values
TESTS += tests/test_ops tests/test_op_values
tests_test_ops_SOURCES = tests/test_ops.c tests/op_samples.c tests/op_samples.h
tests_test_ops_LDADD = $(TEST_LIBS)
tests_test_op_values_SOURCES = tests/test_op_values.c
tests_test_op_values_LDADD = $(TEST_LIBS)
endif
