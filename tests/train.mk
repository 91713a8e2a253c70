# tests/train.mk - random numbers, parameters, optimisers, training.
check_PROGRAMS += tests/test_random tests/test_params tests/test_optim
TESTS += tests/test_random tests/test_params tests/test_optim
tests_test_random_SOURCES = tests/test_random.c
tests_test_random_LDADD = $(TEST_LIBS)
tests_test_params_SOURCES = tests/test_params.c
tests_test_params_LDADD = $(TEST_LIBS)
tests_test_optim_SOURCES = tests/test_optim.c
tests_test_optim_LDADD = $(TEST_LIBS)
