# tests/lang.mk - the model language: documents, complete texts, broken files, recording.
EXTRA_DIST += tests/broken tests/texts docs/language.md docs/errors.md models/README.md
if HAVE_CMOCKA
language_tests = tests/test_documents tests/test_language tests/test_language_record tests/test_language_sites
check_PROGRAMS += $(language_tests)
TESTS += $(language_tests)
tests_test_documents_SOURCES = tests/test_documents.c
tests_test_documents_LDADD = $(TEST_LIBS)
tests_test_language_SOURCES = tests/test_language.c
tests_test_language_LDADD = $(TEST_LIBS)
tests_test_language_record_SOURCES = tests/test_language_record.c tests/recording.c tests/recording.h
tests_test_language_record_LDADD = $(TEST_LIBS)
tests_test_language_sites_SOURCES = tests/test_language_sites.c tests/recording.c tests/recording.h
tests_test_language_sites_LDADD = $(TEST_LIBS)
endif
