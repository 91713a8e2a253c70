# tests/winograd.mk - Winograd convolution
if HAVE_CMOCKA
check_PROGRAMS += tests/test_kernels_winograd
TESTS += tests/test_kernels_winograd
tests_test_kernels_winograd_SOURCES = tests/test_kernels_winograd.c
tests_test_kernels_winograd_LDADD = $(TEST_LIBS)
endif
