#!/bin/sh
# headers.sh - every public header compiles alone, as C11 and as C++, and the library exports no symbol without the prefix.
cd "${srcdir:-.}" || exit 1
cc=${CC:-cc} bad=0
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
for h in adze.h autograd/error.h $(for d in autograd ops models optim datasets metrics formats experiments; do [ -f $d/$d.h ] && echo $d/$d.h; done); do
    printf '#include "%s"\nint main(void) { return 0; }\n' "$h" >"$dir/one.c"
    $cc -std=c11 -Wall -Wextra -Wpedantic -Werror -I. -fsyntax-only "$dir/one.c" || { echo "$h: not C11 by itself"; bad=1; }
    if command -v c++ >/dev/null 2>&1; then
        cp "$dir/one.c" "$dir/one.cc"
        c++ -Wall -Wextra -Werror -I. -fsyntax-only "$dir/one.cc" || { echo "$h: not C++ by itself"; bad=1; }
    fi
    grep -qE '#[[:space:]]*include[[:space:]]*"(config\.h|.*internal\.h)"' "$h" && { echo "$h: includes a private header"; bad=1; }
done
library=${abs_top_builddir:-build}/.libs/libadze.so
if [ -f "$library" ]; then
    nm -D --defined-only "$library" | awk '{ print $3 }' | grep -vE '^ad_|^__odr_asan|^\.gomp_|^_(init|fini|edata|end|_bss_start)$|^$' >"$dir/symbols"
    [ -s "$dir/symbols" ] && { echo "exported without the prefix:"; head -n 20 "$dir/symbols"; bad=1; }
fi
exit $bad
