# setup.sh - everything between a bare Debian 12 and a built tree; read by quickstart.sh and tests/run.sh with `.`, from the top folder.
# Sets nothing up twice: a second run takes a second.

packages="gcc make autoconf automake libtool autoconf-archive pkg-config libsleef-dev libyaml-dev zlib1g-dev libpng-dev libexpat1-dev libcmocka-dev"

missing_packages() {
    for p in $packages; do
        dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed' || printf '%s ' "$p"
    done
}

install_packages() {
    missing=$(missing_packages)
    [ -z "$missing" ] && return 0
    if [ "$(id -u)" = 0 ]; then as_root=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root=sudo
    else
        echo "These packages are missing; install them and start again:" >&2
        echo "  apt-get install $missing" >&2
        exit 2
    fi
    echo "installing: $missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    $as_root apt-get install -y -qq $missing >/dev/null 2>&1 ||
        { $as_root apt-get update -qq && $as_root apt-get install -y -qq $missing >/dev/null; } ||
        { echo "apt-get install $missing failed" >&2; exit 5; }
}

build_tree() {
    if [ ! -x configure ] || [ configure.ac -nt configure ] || [ -n "$(find . -name local.mk -newer configure -not -path './build*' -print -quit)" ]; then
        echo "generating configure"
        autoreconf -fi >build-autoreconf.log 2>&1 || { cat build-autoreconf.log >&2; exit 1; }
    fi
    mkdir -p build
    mv build-autoreconf.log build/autoreconf.log 2>/dev/null || :
    if [ ! -f build/Makefile ] || [ configure -nt build/Makefile ]; then
        (cd build && ../configure -q) || exit 1
    fi
    echo "building"
    make -C build -j"$(nproc)" --no-print-directory >build/make.log 2>&1 || { tail -n 40 build/make.log >&2; exit 1; }
}

install_packages
build_tree
