#!/bin/sh
# run.sh - installs what is missing, builds, and runs every test: `sh tests/run.sh`. Reference cases and real data are read from
# ADZE_SHARED (default: ../shared); tests that need them say "skipped" when it is absent.
set -u
cd "$(dirname "$0")/.." || exit 1
. examples/setup.sh
ADZE_SHARED=${ADZE_SHARED:-$(cd .. && pwd)/shared}
export ADZE_SHARED
make -C build -j"$(nproc)" --no-print-directory check >build/check.log 2>&1
status=$?
grep -E '^(PASS|FAIL|SKIP|XPASS|ERROR):' build/check.log
for log in $(grep -E '^(FAIL|ERROR): ' build/check.log | sed 's/^[A-Z]*: //'); do
    echo "---- $log" && tail -n 60 "build/$log.log"
done
[ $status = 0 ] || grep -qE '^(FAIL|ERROR): ' build/check.log || tail -n 60 build/check.log
count() { grep -cE "^($1): " build/check.log; }
echo "$(count PASS) passed, $(count 'FAIL|ERROR') failed, $(count SKIP) skipped"
exit $status
