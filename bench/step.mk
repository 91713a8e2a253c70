# The step of bench/compare.py and bench/scaling.py.
EXTRA_PROGRAMS += bench/step
bench_step_SOURCES = bench/step.c
bench_step_LDADD = libcore.la
EXTRA_DIST += bench/child.py bench/compare.py bench/report.py bench/scaling.py bench/svg.py docs/images/scaling.svg bench/torch_child.py bench/twins/parts.py bench/twins/swin.py bench/twins/phiseg.py bench/twins/hpu_net.py \
	bench/twins/unet.py bench/twins/swin_unet.py bench/twins/vae_unet.py
