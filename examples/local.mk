# examples/local.mk - numbered programs; `make check` compares what each prints with its recorded output, NAME.expected.
example_programs = examples/00_one_neuron examples/01_train_a_net examples/02_gradient_penalty examples/03_laplace
check_PROGRAMS += $(example_programs)
examples_00_one_neuron_SOURCES = examples/00_one_neuron.c
examples_00_one_neuron_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/include
examples_01_train_a_net_SOURCES = examples/01_train_a_net.c
examples_01_train_a_net_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/include
examples_02_gradient_penalty_SOURCES = examples/02_gradient_penalty.c
examples_02_gradient_penalty_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/include
examples_03_laplace_SOURCES = examples/03_laplace.c
examples_03_laplace_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/include
$(examples_00_one_neuron_OBJECTS) $(examples_01_train_a_net_OBJECTS) $(examples_02_gradient_penalty_OBJECTS) $(examples_03_laplace_OBJECTS): include/adze

# Inside the tree <adze/...> is the source tree itself; programs elsewhere see the installed headers.
include/adze:
	$(AM_V_GEN)$(MKDIR_P) include && ln -sfn '$(abs_top_srcdir)' $@
CLEANFILES += include/adze

TESTS += examples/check.sh
EXTRA_DIST += examples/check.sh examples/00_one_neuron.expected examples/01_train_a_net.expected examples/02_gradient_penalty.expected \
	examples/03_laplace.expected

# The C example against the installed library, by way of adze.pc.
installcheck-local:
	PKG_CONFIG_PATH='$(DESTDIR)$(pkgconfigdir)' && export PKG_CONFIG_PATH && \
	$(CC) -std=c11 -o installed_example '$(srcdir)/examples/01_train_a_net.c' \
	  $$(pkg-config --define-variable=prefix='$(DESTDIR)$(prefix)' --cflags --libs adze) -Wl,-rpath,'$(DESTDIR)$(libdir)' && \
	./installed_example | diff '$(srcdir)/examples/01_train_a_net.expected' - && rm -f installed_example
EXTRA_DIST += examples/quickstart.yaml
include examples/book.mk
