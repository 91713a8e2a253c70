# tests/fusion.mk - the planner's fusions against records run one by one.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_fusion
TESTS += tests/test_fusion
tests_test_fusion_SOURCES = tests/test_fusion.c
tests_test_fusion_LDADD = $(TEST_LIBS)
endif
