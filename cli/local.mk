# cli/local.mk - the program.
bin_PROGRAMS += cli/adze
cli_adze_SOURCES = \
	cli/cli.h \
	cli/commands.def \
	cli/compare.c \
	cli/evaluate.c \
	cli/gradcheck.c \
	cli/help.c \
	cli/inspect.c \
	cli/inspect.h \
	cli/inspect_model.c \
	cli/inspect_tape.c \
	cli/main.c \
	cli/options.c \
	cli/print.c \
	cli/profile.c \
	cli/progress.c \
	cli/replay.c \
	cli/run_ops.c \
	cli/sample.c \
	cli/signals.c \
	cli/trace.c \
	cli/train.c \
	cli/version.c \
	cli/zoo.c
# Ops in shared objects find the library's functions in the program.
cli_adze_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
cli_adze_LDADD = libadze.la $(YAML_LIBS) $(ZLIB_LIBS) $(PNG_LIBS)
EXTRA_DIST += cli/README.md docs/cli.md docs/images/profile.svg

# The revision the program was made from; the file changes only when the revision does.
cli/revision.h: revision-is-checked
	@$(MKDIR_P) cli
	@r=`git -C $(srcdir) describe --always --dirty 2>/dev/null || echo none`; \
	text="#define ADZE_REVISION \"$$r\""; \
	test "`cat $@ 2>/dev/null`" = "$$text" || echo "$$text" >$@
.PHONY: revision-is-checked
cli/version.$(OBJEXT): cli/revision.h
CLEANFILES += cli/revision.h
