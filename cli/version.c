/* version.c - the lines that a bug report needs. */
#include "config.h"

#include <omp.h>
#include <png.h>
#include <sleef.h>
#include <stdio.h>
#include <yaml.h>
#include <zlib.h>

#include "cli/cli.h"
#include "cli/revision.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown compiler"
#endif

const char *cli_version_line(void)
{
    return PACKAGE_STRING " (git " ADZE_REVISION ")";
}

static const char *libraries(cli *c)
{
    snprintf(c->libraries, sizeof c->libraries, "OpenMP %d, Sleef %d.%d, libyaml %s, zlib %s, libpng %s", _OPENMP, SLEEF_VERSION_MAJOR,
             SLEEF_VERSION_MINOR, yaml_get_version_string(), zlibVersion(), png_get_libpng_ver(NULL));
    return c->libraries;
}

ad_origin cli_origin(cli *c)
{
    return (ad_origin){ .program = cli_version_line(), .libraries = libraries(c), .command = c->words.data };
}

void cli_print_version(cli *c)
{
    printf("%s\n", cli_version_line());
    printf("compiler   %s\n", COMPILER);
    printf("processor  %s, %d of %d threads\n", ad_isa_name(ad_ctx_isa(c->ctx)), ad_ctx_threads(c->ctx), omp_get_num_procs());
    printf("features   %s\n", libraries(c));
    printf("licence    MIT\n");
}
