# tests/data.mk - tests of datasets/ and metrics/.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_metrics
TESTS += tests/test_metrics
tests_test_metrics_SOURCES = tests/test_metrics.c
tests_test_metrics_LDADD = $(TEST_LIBS)
endif
