#!/bin/sh
# Runs the golden cases beside the source tree (or in ADZE_SHARED), if there are any. None may fail, and of ops, optimisers and schedules
# none may be skipped; a model may wait for its file in the zoo.
shared=${ADZE_SHARED:-${srcdir:-.}/../shared}
if [ ! -d "$shared/golden" ]; then
    echo "skipped: no golden cases in $shared/golden (set ADZE_SHARED to the folder that holds them)"
    exit 77
fi
status=0
for folder in ops optim probabilistic baselines; do
    echo "$folder"
    said=$("${abs_top_builddir:-.}/tests/golden" "$shared/golden/$folder") || status=1
    echo "$said"
    case $folder:$said in
    ops:*' 0 skipped' | optim:*' 0 skipped') ;;
    ops:* | optim:*) status=1 ;;
    esac
done
exit $status
