# The step of bench/compare.py.
EXTRA_PROGRAMS += bench/step
bench_step_SOURCES = bench/step.c
EXTRA_DIST += bench/compare.py bench/torch_child.py bench/twins/phiseg.py
