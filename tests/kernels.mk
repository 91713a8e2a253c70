# tests/kernels.mk - tests of ops/kernels
EXTRA_DIST += tests/kernel_run.h
if HAVE_CMOCKA
kernel_tests = tests/test_kernels_attention tests/test_kernels_conv tests/test_kernels_erf tests/test_kernels_gemm
check_PROGRAMS += $(kernel_tests)
TESTS += $(kernel_tests)
tests_test_kernels_attention_SOURCES = tests/test_kernels_attention.c
tests_test_kernels_attention_LDADD = $(TEST_LIBS)
tests_test_kernels_conv_SOURCES = tests/test_kernels_conv.c
tests_test_kernels_conv_LDADD = $(TEST_LIBS)
tests_test_kernels_erf_SOURCES = tests/test_kernels_erf.c
tests_test_kernels_erf_LDADD = $(TEST_LIBS)
tests_test_kernels_gemm_SOURCES = tests/test_kernels_gemm.c
tests_test_kernels_gemm_LDADD = $(TEST_LIBS)
endif
