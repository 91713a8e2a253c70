/*
 * Large buffers lie in large pages: Linux knows of each mapping what was advised (the flag "hg" in /proc/self/smaps).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd/arena.h"

static void test_large_buffers(void **state)
{
    FILE *known = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r"), *maps = fopen("/proc/self/smaps", "r");
    size_t bytes = (size_t)16 << 20;
    char line[512], *p = ad__pages_alloc(bytes);
    int found = 0, here = 0;
    assert_non_null(p);
    p[0] = p[bytes - 1] = 1;
    if (known && maps) {
        while (fgets(line, sizeof line, maps)) {
            unsigned long low, high;
            if (sscanf(line, "%lx-%lx ", &low, &high) == 2) here = low <= (uintptr_t)p && (uintptr_t)p < high;
            if (here && !strncmp(line, "VmFlags:", 8)) found = strstr(line, " hg") ? 1 : -1;
        }
        assert_int_equal(found, 1);
    }
    if (known) fclose(known);
    if (maps) fclose(maps);
    free(p);
    if (!known || !maps) skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_large_buffers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
