#!/bin/sh
# layers.sh - reads the include lines and fails on any arrow between folders that docs/architecture.md does not allow.
cd "${srcdir:-.}" || exit 1
allowed() {
    case "$1->$2" in
    # every folder includes itself
    autograd-\>autograd | ops-\>ops | ops/kernels-\>ops/kernels | models-\>models | optim-\>optim | datasets-\>datasets | \
    metrics-\>metrics | formats-\>formats | experiments-\>experiments | cli-\>cli) ;;
    ops-\>autograd | ops-\>ops/kernels) ;;
    models-\>autograd | models-\>ops | models-\>formats) ;;
    optim-\>autograd | optim-\>ops) ;;
    datasets-\>autograd | datasets-\>formats) ;;
    metrics-\>autograd) ;;
    formats-\>autograd/error.h) ;;
    experiments-\>*) [ "$2" != cli ] ;;
    cli-\>*) ;;
    *) return 1 ;;
    esac
}
bad=0 seen=0
for file in $(find autograd ops models optim datasets metrics formats experiments cli -name '*.[ch]' | sort); do
    from=${file%/*}
    case $from in ops/kernels*) from=ops/kernels ;; *) from=${from%%/*} ;; esac
    for header in $(sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\(.*\)".*/\1/p' "$file"); do
        seen=$((seen + 1))
        case $header in
        config.h | *.def | *.inc) continue ;;
        ops/kernels/*) to=ops/kernels ;;
        */*) to=${header%%/*} ;;
        *) echo "$file: \"$header\" does not name its folder"; bad=1; continue ;;
        esac
        [ "$from" = formats ] && [ "$to" = autograd ] && to=$header
        allowed "$from" "$to" || { echo "$file: $from must not include \"$header\""; bad=1; }
    done
done
[ $seen -gt 50 ] || { echo "only $seen include lines found: the test looks in the wrong place"; bad=1; }
exit $bad
