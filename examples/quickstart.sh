#!/bin/sh
# quickstart.sh - from a bare Debian 12 to trained and compared models: `sh examples/quickstart.sh [FOLDER]`.
# FOLDER holds lidc_train.npz, lidc_val.npz and lidc_test.npz; without one it is looked for, and without any the procedural data set is used.
set -u
cd "$(dirname "$0")/.." || exit 1
. examples/setup.sh

find_lidc() {
    for d in "${1:-}" "${ADZE_LIDC:-}" "${ADZE_SHARED:-../shared}/data/lidc-crops" data/lidc-crops; do
        [ -n "$d" ] && [ -f "$d/lidc_train.npz" ] && { echo "$d"; return; }
    done
}

if [ -n "${1:-}" ] && [ ! -f "$1/lidc_train.npz" ]; then
    echo "quickstart: $1/lidc_train.npz: no such file; need a folder with lidc_train.npz, lidc_val.npz and lidc_test.npz" >&2
    exit 2
fi
folder=$(find_lidc "${1:-}")
run=runs/quickstart
ADZE_ZOO=$PWD/models/zoo
export ADZE_ZOO
if [ -n "$folder" ]; then
    echo "data: LIDC crops in $folder"
    set -- --set data.set=lidc --set "data.folder=$folder"
else
    echo "data: procedural (no LIDC crops found; give their folder as argument)"
    set -- --set data.set=synthetic
fi
build/cli/adze compare examples/quickstart.yaml -o $run --resume "$@" || exit $?
echo
echo "pictures  $run/sheet.png"
echo "next      build/cli/adze inspect zoo:phiseg"
echo "          build/cli/adze sample $run/phiseg test:0 -n 16 -o samples"
echo "          build/cli/adze compare examples/quickstart.yaml -o runs/longer --set train.steps=5000"
