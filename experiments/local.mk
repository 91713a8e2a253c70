# experiments/local.mk - trainer, sampler, scores, comparison.
headers += experiments/experiments.h
libcore_la_SOURCES += \
	experiments/compare.c \
	experiments/data.c \
	experiments/evaluation.c \
	experiments/experiment.c \
	experiments/experiment.h \
	experiments/experiment_file.c \
	experiments/failure.c \
	experiments/feed.c \
	experiments/keys.c \
	experiments/profile.c \
	experiments/profile_picture.c \
	experiments/run_folder.c \
	experiments/run_ops.c \
	experiments/sampler.c \
	experiments/sheet.c \
	experiments/table.c \
	experiments/trace.c \
	experiments/trained.c \
	experiments/trainer.c \
	experiments/training.c
EXTRA_DIST += experiments/README.md docs/experiments.md docs/results.md
