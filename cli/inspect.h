/* inspect.h - private to the program: what adze inspect says of a model, in a file of its own. */
#ifndef ADZE_CLI_INSPECT_H
#define ADZE_CLI_INSPECT_H

#include "cli/cli.h"

ad_status cli_inspect_model(cli *c, const ad_model *m);
void cli_inspect_tape(cli *c, ad_tape *t, const ad_program *p);

#endif
