# tests/own_ops.mk - ops of a user in a shared object, right and wrong ones; runs that remember theirs.
TESTS += tests/own_ops.sh tests/run_ops.sh
EXTRA_DIST += tests/own_ops.sh tests/run_ops.sh
