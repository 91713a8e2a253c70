# tests/layers.mk - layers at sizes that the generated tests do not reach
if HAVE_CMOCKA
check_PROGRAMS += tests/test_layers
TESTS += tests/test_layers
tests_test_layers_SOURCES = tests/test_layers.c
tests_test_layers_LDADD = $(TEST_LIBS)
endif
