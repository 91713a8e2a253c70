# 09_vae.sh - trains the model of 09_vae.yaml: `sh 09_vae.sh [STEPS]`. Prints what it costs to rebuild an outline and what the posterior
# costs, as means of two logged batches. The KL in closed form and the one that is estimated from the draws agree on average.
here=$(dirname "$0") run=$(mktemp -d) || exit 1
trap 'rm -rf "$run"' EXIT
"${ADZE:-build/cli/adze}" train "$here/09_vae.yaml" -o "$run/vae" -q --set data.set=synthetic --set data.options=preset=modes \
    --set train.lr=3e-3 --set train.steps="${1:-100}" >"$run/said" || exit 1
awk -F, '
    function line(step, n) { printf "%5d  %8.0f  %17.1f  %16.1f\n", step, rec / n, kl / n, drawn / n; rec = kl = drawn = 0 }
    NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; print "steps       rec    KL, closed form    from the draws" }
    NR > 1 { rec += $column["rec"]; kl += $column["kl"]; drawn += $column["drawn"] }
    NR == 2 { line(1, 1) }
    NR > 2 && NR % 2 == 0 { line($1, 2) }' "$run/vae/metrics.csv"
