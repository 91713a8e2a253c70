# optim/local.mk - to add an optimiser: write optim/NAME.c (and, if need be, its update op in ops/) and put it in this list.
optim_files = \
	optim/adagrad.c \
	optim/adam.c \
	optim/adamax.c \
	optim/adamw.c \
	optim/nadam.c \
	optim/radam.c \
	optim/rmsprop.c \
	optim/sgd.c

libcore_la_SOURCES += $(optim_files) \
	optim/optim.c \
	optim/schedule.c \
	optim/settings.c optim/settings.h \
	optim/table.c
headers += optim/optim.h
EXTRA_DIST += optim/README.md

optim/optim.def: $(srcdir)/optim/local.mk
	@$(MKDIR_P) optim
	$(AM_V_GEN)for f in $(optim_files); do basename $$f .c; done | sed 's/.*/OPTIMISER(&)/' >$@.tmp && mv $@.tmp $@
optim/table.lo: optim/optim.def
CLEANFILES += optim/optim.def
