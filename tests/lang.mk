# tests/lang.mk - the model language: complete texts, broken files, recording.
EXTRA_DIST += tests/broken tests/texts docs/language.md docs/errors.md models/README.md
if HAVE_CMOCKA
check_PROGRAMS += tests/test_language tests/test_language_record
TESTS += tests/test_language tests/test_language_record
tests_test_language_SOURCES = tests/test_language.c
tests_test_language_LDADD = $(TEST_LIBS)
tests_test_language_record_SOURCES = tests/test_language_record.c
tests_test_language_record_LDADD = $(TEST_LIBS)
endif
