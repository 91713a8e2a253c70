# Derivatives along a direction, of every op of the table.
if HAVE_CMOCKA
check_PROGRAMS += tests/test_directional
TESTS += tests/test_directional
tests_test_directional_SOURCES = tests/test_directional.c
tests_test_directional_LDADD = $(TEST_LIBS)
endif
