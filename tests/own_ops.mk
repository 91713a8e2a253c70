# tests/own_ops.mk - ops of a user in a shared object, right and wrong ones.
TESTS += tests/own_ops.sh
EXTRA_DIST += tests/own_ops.sh
