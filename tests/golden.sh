#!/bin/sh
# Runs the golden cases beside the source tree (or in ADZE_SHARED), if there are any. Models, optimisers and schedules must all pass; what is
# skipped must be skipped for want of an op, a metric or a model.
shared=${ADZE_SHARED:-${srcdir:-.}/../shared}
if [ ! -d "$shared/golden" ]; then
    echo "skipped: no golden cases in $shared/golden (set ADZE_SHARED to the folder that holds them)"
    exit 77
fi
status=0
for folder in ops optim probabilistic baselines; do
    echo "$folder"
    "${abs_top_builddir:-.}/tests/golden" "$shared/golden/$folder" || status=1
done
exit $status
