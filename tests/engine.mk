# The engine by itself, and the rules that scripts can check.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_engine
TESTS += tests/test_engine
tests_test_engine_SOURCES = tests/test_engine.c
tests_test_engine_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test_pages
TESTS += tests/test_pages
tests_test_pages_SOURCES = tests/test_pages.c
tests_test_pages_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test_memory
TESTS += tests/test_memory
tests_test_memory_SOURCES = tests/test_memory.c
tests_test_memory_LDADD = $(TEST_LIBS)
# Its own symbols are exported: ops in a shared object call them.
tests_test_memory_LDFLAGS = $(AM_LDFLAGS) -export-dynamic -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=strdup,--wrap=strndup,--wrap=free
endif
TESTS += tests/layers.sh tests/headers.sh tests/docs.sh
EXTRA_DIST += tests/layers.sh tests/headers.sh tests/docs.sh docs/generate.sh tests/run.sh examples/setup.sh
TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = sh
# Tests that need reference cases or real data are skipped unless ADZE_SHARED names a folder.
# Tests use more threads than a machine may have cores; threads that wait must not spin then.
AM_TESTS_ENVIRONMENT = srcdir='$(abs_top_srcdir)'; abs_top_builddir='$(abs_top_builddir)'; CC='$(CC)'; \
	ADZE_ZOO='$(abs_top_srcdir)/models/zoo'; ADZE_SHARED="$${ADZE_SHARED-$(abs_top_srcdir)/../shared}"; \
	OMP_WAIT_POLICY=passive; export srcdir abs_top_builddir CC ADZE_ZOO ADZE_SHARED OMP_WAIT_POLICY; test -d "$$ADZE_SHARED" || unset ADZE_SHARED;
