# tests/long.mk - `make check-long`: what takes too long for every change. ADZE_TAPES is the number of random tapes.
check-long: all
	@$(MAKE) $(AM_MAKEFLAGS) --no-print-directory $(check_PROGRAMS) $(check_DATA)
	@$(AM_TESTS_ENVIRONMENT) $(SHELL) '$(srcdir)/tests/long.sh'
.PHONY: check-long
EXTRA_DIST += tests/long.sh
