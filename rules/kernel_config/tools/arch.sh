# arch.sh (sourced): what an architecture of lkbuild is called in the kernel and in Debian's compilers, and an `awk`.
#
# Always the prefixed compiler, on the same architecture too: the .config names the compiler, and must not depend on where it was made.

lkbuild_arch() {
    case $1 in
        amd64)   KARCH=x86_64 SRCARCH=x86   CROSS=x86_64-linux-gnu- ;;
        arm64)   KARCH=arm64  SRCARCH=arm64 CROSS=aarch64-linux-gnu- ;;
        riscv64) KARCH=riscv  SRCARCH=riscv CROSS=riscv64-linux-gnu- ;;
        s390x)   KARCH=s390   SRCARCH=s390  CROSS=s390x-linux-gnu- ;;
        *) echo "$0: unknown architecture $1: one of amd64 arm64 riscv64 s390x" >&2; exit 2 ;;
    esac
    command -v "${CROSS}gcc" > /dev/null || { echo "$0: the toolchain has no ${CROSS}gcc" >&2; exit 1; }
}

# Debian makes /usr/bin/awk by a maintainer script (update-alternatives), which a toolchain tree never ran.
lkbuild_awk() {
    mkdir -p "$1"
    command -v awk > /dev/null || ln -s "$(command -v mawk || command -v gawk)" "$1/awk"
    PATH=$1:$PATH
    export PATH
}
