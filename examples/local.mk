# examples/local.mk - numbered programs; `make check` compares what each prints with its recorded output, NAME.expected.
example_programs = examples/00_one_neuron examples/01_train_a_net examples/02_gradient_penalty examples/03_laplace examples/04_own_op
check_PROGRAMS += $(example_programs)
examples_00_one_neuron_SOURCES = examples/00_one_neuron.c
examples_00_one_neuron_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/include
examples_01_train_a_net_SOURCES = examples/01_train_a_net.c
examples_01_train_a_net_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/include
examples_02_gradient_penalty_SOURCES = examples/02_gradient_penalty.c
examples_02_gradient_penalty_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/include
examples_03_laplace_SOURCES = examples/03_laplace.c
examples_03_laplace_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/include
examples_04_own_op_SOURCES = examples/04_own_op.c
examples_04_own_op_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/include
# Its op lies in a shared object, which finds the library's functions in the program.
examples_04_own_op_LDADD = libadze.la
examples_04_own_op_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
$(examples_04_own_op_OBJECTS): include/adze
$(examples_00_one_neuron_OBJECTS) $(examples_01_train_a_net_OBJECTS) $(examples_02_gradient_penalty_OBJECTS) $(examples_03_laplace_OBJECTS): include/adze

# As a user compiles it; check_DATA makes it before the tests run.
examples/snake.so: examples/snake.c include/adze
	$(AM_V_CCLD)$(CC) -std=c11 -shared -fPIC $(SAN_CFLAGS) $(CPPFLAGS) $(CFLAGS) -I$(top_builddir)/include -I'$(top_srcdir)' -o $@ '$(srcdir)/examples/snake.c' -lm
check_DATA += examples/snake.so
CLEANFILES += examples/snake.so

# Inside the tree <adze/...> is the source tree itself; programs elsewhere see the installed headers.
include/adze:
	$(AM_V_GEN)$(MKDIR_P) include && ln -sfn '$(abs_top_srcdir)' $@
CLEANFILES += include/adze

TESTS += examples/check.sh
EXTRA_DIST += examples/check.sh examples/00_one_neuron.expected examples/01_train_a_net.expected examples/02_gradient_penalty.expected \
	examples/03_laplace.expected examples/04_own_op.expected examples/snake.c examples/own_op.yaml

# Two C examples and the shared object against the installed library, by way of adze.pc.
installcheck-local:
	PKG_CONFIG_PATH='$(DESTDIR)$(pkgconfigdir)' && export PKG_CONFIG_PATH && \
	flags=$$(pkg-config --define-variable=prefix='$(DESTDIR)$(prefix)' --cflags adze) && \
	libs="$$(pkg-config --define-variable=prefix='$(DESTDIR)$(prefix)' --libs adze) -lm -Wl,-rpath,$(DESTDIR)$(libdir)" && \
	$(CC) -std=c11 -shared -fPIC $$flags -o installed_snake.so '$(srcdir)/examples/snake.c' -lm && \
	for name in 01_train_a_net 04_own_op; do \
	  $(CC) -std=c11 $$flags -o installed_example "$(srcdir)/examples/$$name.c" $$libs && \
	  ./installed_example ./installed_snake.so | diff "$(srcdir)/examples/$$name.expected" - || exit 1; \
	done && rm -f installed_example installed_snake.so
EXTRA_DIST += examples/quickstart.sh docs/images/quickstart.png examples/quickstart.yaml examples/lidc.yaml
include examples/book.mk
