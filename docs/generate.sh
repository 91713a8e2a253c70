#!/bin/sh
# generate.sh ADZE PAGE - prints docs/PAGE.md (ops, experiments) from the tables of the program ADZE; `make check` fails when a page differs.
adze=$1 page=$2

ops() {
    echo '# Operators'
    echo
    echo 'Printed from the op table by `sh docs/generate.sh build/cli/adze ops`. Weights are made and named by the model language; data'
    echo 'operands are given in order, attributes as `name=value`. Gradients that are not obvious are derived in `docs/derivations/`, listed in'
    echo '[the book](book/README.md).'
    "$adze" help ops | while read -r name doc; do
        printf '\n## %s\n\n```\n' "$name"
        "$adze" help ops "$name"
        echo '```'
    done
}

experiments() {
    cat <<'END'
# Experiment files

What to train and score, not how: models, data, training, scores. `adze compare FILE -o DIR` trains every model of the file and prints one table;
`adze train FILE --run NAME` trains one. Every key can be set from the command line: `--set train.steps=200`. `examples/quickstart.yaml` is a complete one.

```yaml
adze: 1
experiment: levels
data: {set: synthetic}
train: {steps: 600, batch: 16, lr: 1e-3}
models:
  - use: zoo:phiseg
    profile: tiny
    sweep: {L: [1, 2, 3]}          # one run for each
  - use: zoo:hpu_net
    profile: tiny
    train: {steps: 1200}           # for this model alone
```

## Keys

Printed from the configuration table by `sh docs/generate.sh build/cli/adze experiments`.

```
END
    "$adze" help config
    printf '```\n\n## Data sets\n\n```\n'
    "$adze" help data
    printf '```\n\n## Optimisers and schedules\n\n```\n'
    "$adze" help optim
    printf '```\n\n## Initial values\n\n```\n'
    "$adze" help init
    printf '```\n\n## Scores\n\n```\n'
    "$adze" help metrics
    echo '```'
}

case $page in
ops | experiments) "$page" ;;
*) echo "generate.sh: '$page' is not a page made here; need ops or experiments" >&2; exit 2 ;;
esac
