#!/bin/sh
# binfmt: register /usr/bin/qemu-<arch> for ELF programs of <arch>, for each that is here and is not the machine's own. Magic and mask are those
# of QEMU's scripts/qemu-binfmt-conf.sh: ELF class, byte order, machine; type EXEC or DYN; any OS ABI of Linux.
set -eu
dir=/proc/sys/fs/binfmt_misc
[ -e "$dir/register" ] || busybox mount -t binfmt_misc binfmt_misc "$dir"
machine=$(uname -m)

register() { # ARCH, CLASS (01: 32 bits, 02: 64), ORDER (01: little, 02: big), TYPE bytes, MACHINE bytes, masks of TYPE
  interpreter=/usr/bin/qemu-$1
  [ -x "$interpreter" ] && [ "$machine" != "$1" ] || return 0
  [ ! -e "$dir/qemu-$1" ] || return 0
  magic="\\x7fELF\\x$2\\x$3\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00$4$5"
  mask="\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff$6\\xff\\xff"
  printf '%s' ":qemu-$1:M::$magic:$mask:$interpreter:OCF" >"$dir/register"
  echo "binfmt: $1"
}

little='\xfe\xff' big='\xff\xfe'
register aarch64 02 01 '\x02\x00' '\xb7\x00' "$little"
register x86_64 02 01 '\x02\x00' '\x3e\x00' "$little"
register riscv64 02 01 '\x02\x00' '\xf3\x00' "$little"
register s390x 02 02 '\x00\x02' '\x00\x16' "$big"
register arm 01 01 '\x02\x00' '\x28\x00' "$little"
