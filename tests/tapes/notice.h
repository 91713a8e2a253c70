/* notice.h - the check of this check. */
#ifndef ADZE_TESTS_TAPES_NOTICE_H
#define ADZE_TESTS_TAPES_NOTICE_H

#include <stdbool.h>

/* Ops that are wrong in ways of their own are put onto tapes: each must be noticed, and be all that is left of its tape. */
bool wrong_ops_are_noticed(void);

#endif
