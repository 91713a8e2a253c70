# tests/fusion.mk - the planner's fusions against records run one by one.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_fusion
TESTS += tests/test_fusion
tests_test_fusion_SOURCES = tests/test_fusion.c tests/noise.h
tests_test_fusion_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test_tails
TESTS += tests/test_tails
tests_test_tails_SOURCES = tests/test_tails.c tests/noise.h
tests_test_tails_LDADD = $(TEST_LIBS)
endif
