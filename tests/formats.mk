# tests/formats.mk
if HAVE_CMOCKA
formats_tests = tests/test_formats_files tests/test_formats_npz tests/test_formats_safetensors
check_PROGRAMS += $(formats_tests)
TESTS += $(formats_tests)
tests_test_formats_files_SOURCES = tests/test_formats_files.c
tests_test_formats_files_LDADD = $(TEST_LIBS)
tests_test_formats_safetensors_SOURCES = tests/test_formats_safetensors.c
tests_test_formats_safetensors_LDADD = $(TEST_LIBS)
tests_test_formats_npz_SOURCES = tests/test_formats_npz.c
tests_test_formats_npz_LDADD = $(TEST_LIBS)
endif
