# examples/book.mk - the programs of docs/book, each compiled from the file of its name. Models and scripts beside them need no compiling.
book_programs = examples/book/02_tape examples/book/03_gradients examples/book/04_broadcasting examples/book/05_convolution \
	examples/book/06_batch_norm examples/book/07_training examples/book/07_checking examples/book/08_randomness examples/book/09_elbo \
	examples/book/10_hierarchy examples/book/11_memory examples/book/12_wrong_ways
check_PROGRAMS += $(book_programs)
book_cppflags = $(AM_CPPFLAGS) -I$(top_builddir)/include
examples_book_02_tape_CPPFLAGS = $(book_cppflags)
examples_book_03_gradients_CPPFLAGS = $(book_cppflags)
examples_book_04_broadcasting_CPPFLAGS = $(book_cppflags)
examples_book_05_convolution_CPPFLAGS = $(book_cppflags)
examples_book_06_batch_norm_CPPFLAGS = $(book_cppflags)
examples_book_07_training_CPPFLAGS = $(book_cppflags)
examples_book_07_checking_CPPFLAGS = $(book_cppflags)
examples_book_08_randomness_CPPFLAGS = $(book_cppflags)
examples_book_09_elbo_CPPFLAGS = $(book_cppflags)
examples_book_10_hierarchy_CPPFLAGS = $(book_cppflags)
examples_book_11_memory_CPPFLAGS = $(book_cppflags)
examples_book_12_wrong_ways_CPPFLAGS = $(book_cppflags)
$(examples_book_02_tape_OBJECTS) $(examples_book_03_gradients_OBJECTS) $(examples_book_04_broadcasting_OBJECTS) \
$(examples_book_05_convolution_OBJECTS) $(examples_book_06_batch_norm_OBJECTS) $(examples_book_07_training_OBJECTS) \
$(examples_book_07_checking_OBJECTS) $(examples_book_08_randomness_OBJECTS) $(examples_book_09_elbo_OBJECTS) \
$(examples_book_10_hierarchy_OBJECTS) $(examples_book_11_memory_OBJECTS) $(examples_book_12_wrong_ways_OBJECTS): include/adze

TESTS += tests/book.sh
EXTRA_DIST += tests/book.sh examples/book/02_tape.expected examples/book/03_gradients.expected examples/book/04_broadcasting.expected \
	examples/book/05_convolution.expected examples/book/06_batch_norm.expected examples/book/07_training.expected \
	examples/book/07_checking.expected examples/book/08_randomness.expected examples/book/09_elbo.expected \
	examples/book/09_vae.yaml examples/book/09_vae.sh examples/book/09_vae.expected examples/book/10_hierarchy.yaml \
	examples/book/10_hierarchy.sh examples/book/10_hierarchy.expected examples/book/10_compare.yaml \
	examples/book/11_memory.expected examples/book/12_wrong_ways.expected
EXTRA_DIST += docs/book/README.md docs/book/answers.md docs/book/01_one_neuron.md docs/book/02_tape.md docs/book/03_gradients.md docs/book/04_broadcasting.md \
	docs/book/05_convolution.md docs/book/06_batch_norm.md docs/book/07_training.md docs/book/08_randomness.md docs/book/09_vae.md \
	docs/book/10_hierarchy.md docs/book/11_memory.md docs/book/12_wrong_ways.md docs/book/pictures.sh docs/book/images/tape.svg docs/book/images/differences.svg \
	docs/book/images/memory.svg docs/book/images/samples.png
