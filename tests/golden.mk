# tests/golden.mk - the golden runner, and the test that runs it over the cases beside the source tree, where there are any.
check_PROGRAMS += tests/golden
tests_golden_SOURCES = tests/goldens/main.c tests/goldens/golden.h tests/goldens/border.c tests/goldens/rule.c tests/goldens/rule.h \
	tests/goldens/ops.c tests/goldens/op_rows.c tests/goldens/op_rows.h tests/goldens/optim.c tests/goldens/metrics.c tests/goldens/models.c \
	tests/goldens/config.c tests/goldens/case.c tests/goldens/case.h tests/goldens/training.c tests/goldens/data.c
tests_golden_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN_ZOO='"$(abs_top_srcdir)/models/zoo"'
TESTS += tests/golden.sh
EXTRA_DIST += tests/golden.sh tests/goldens/README.md models/zoo/README.md
if HAVE_CMOCKA
check_PROGRAMS += tests/test_zoo tests/test_map
TESTS += tests/test_zoo tests/test_map
tests_test_map_SOURCES = tests/test_map.c
tests_test_map_LDADD = $(TEST_LIBS)
tests_test_zoo_SOURCES = tests/test_zoo.c
tests_test_zoo_LDADD = $(TEST_LIBS)
endif
