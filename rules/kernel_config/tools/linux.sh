# linux.sh (sourced): the Linux source, and what an architecture of lkbuild is called in it and in Debian's compilers.

# lkbuild_arch ARCH sets KARCH (make's ARCH), SRCARCH (the folder under arch/) and CROSS (CROSS_COMPILE). Always the prefixed compiler, on the
# same architecture too: the .config names the compiler, and must not depend on where it was made.
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

# lkbuild_awk DIRECTORY: an `awk` there, and in PATH. Debian makes /usr/bin/awk by a maintainer script (update-alternatives), which a toolchain
# tree never ran.
lkbuild_awk() {
    mkdir -p "$1"
    command -v awk > /dev/null || ln -sf "$(command -v mawk || command -v gawk)" "$1/awk"
    PATH=$1:$PATH
    export PATH
}

# lkbuild_untar SOURCE TAR_OPTION...: unpacks SOURCE, which is a tar, or Debian's linux-source package with one in usr/src (deb(5): an ar archive;
# GNU tar finds out by itself how a file is compressed, but not how a pipe is: the package's parts are xz).
lkbuild_untar() {
    source_archive=$1
    shift
    case $source_archive in
        *.deb) ar p "$source_archive" data.tar.xz | tar -xJO --wildcards './usr/src/linux-source-*.tar.xz' | tar -xJ "$@" ;;
        *) tar -x -f "$source_archive" "$@" ;;
    esac
}

# lkbuild_pack DIRECTORY MEMBER TAR: a canonical tar (design 6).
lkbuild_pack() {
    tar --create --file "$3" --directory "$1" --format=posix --sort=name --numeric-owner --owner=0 --group=0 \
        --mtime="@$SOURCE_DATE_EPOCH" --pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f --mode=u+rwX,go+rX,go-w "$2"
}
