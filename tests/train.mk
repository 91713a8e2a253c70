# tests/train.mk - random numbers, parameters, optimisers, training.
check_PROGRAMS += tests/test_random tests/test_params tests/test_optim tests/test_checkpoint tests/test_train
TESTS += tests/test_random tests/test_params tests/test_optim tests/test_checkpoint tests/test_train
tests_test_random_SOURCES = tests/test_random.c
tests_test_random_LDADD = $(TEST_LIBS)
tests_test_params_SOURCES = tests/test_params.c
tests_test_params_LDADD = $(TEST_LIBS)
tests_test_optim_SOURCES = tests/test_optim.c
tests_test_optim_LDADD = $(TEST_LIBS)
tests_test_checkpoint_SOURCES = tests/test_checkpoint.c
tests_test_checkpoint_LDADD = $(TEST_LIBS)
tests_test_train_SOURCES = tests/test_train.c
tests_test_train_LDADD = $(TEST_LIBS)
EXTRA_DIST += tests/data/tiny.yaml
TESTS += tests/bits.sh
EXTRA_DIST += tests/bits.sh
