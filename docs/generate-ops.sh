#!/bin/sh
# generate-ops.sh ADZE - prints docs/ops.md from the op table of the program ADZE; `make check` fails when the page differs.
adze=$1
echo '# Operators'
echo
echo 'Printed from the op table by `sh docs/generate-ops.sh build/cli/adze >docs/ops.md`. Weights are made and named by the model language;'
echo 'data operands are given in order, attributes as `name=value`.'
"$adze" help ops | while read -r name doc; do
    printf '\n## %s\n\n```\n' "$name"
    "$adze" help ops "$name"
    echo '```'
done
