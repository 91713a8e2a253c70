# tests/data.mk - tests of datasets/ and metrics/.
if HAVE_CMOCKA
data_tests = \
	tests/test_metrics \
	tests/test_metrics_golden \
	tests/test_datasets_scene \
	tests/test_datasets_loader \
	tests/test_datasets_lidc \
	tests/test_datasets_transform
check_PROGRAMS += $(data_tests)
TESTS += $(data_tests)
tests_test_metrics_SOURCES = tests/test_metrics.c
tests_test_metrics_LDADD = $(TEST_LIBS)
tests_test_metrics_golden_SOURCES = tests/test_metrics_golden.c
tests_test_metrics_golden_LDADD = $(TEST_LIBS)
tests_test_datasets_scene_SOURCES = tests/test_datasets_scene.c
tests_test_datasets_scene_LDADD = $(TEST_LIBS)
tests_test_datasets_loader_SOURCES = tests/test_datasets_loader.c
tests_test_datasets_loader_LDADD = $(TEST_LIBS)
tests_test_datasets_lidc_SOURCES = tests/test_datasets_lidc.c
tests_test_datasets_lidc_LDADD = $(TEST_LIBS)
tests_test_datasets_transform_SOURCES = tests/test_datasets_transform.c
tests_test_datasets_transform_LDADD = $(TEST_LIBS)
endif
