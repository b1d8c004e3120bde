#!/bin/bash
# gimp-enter.sh ROOT WORK COMMAND...: runs COMMAND inside a GIMP root in a mount namespace of its own,
# so that the root itself stays as it is and all mounts vanish with the command.
# The machine's own files appear under /mnt, /tmp is empty but for WORK (same path in and out).
set -eu
root=$(readlink -f "$1") work=$(readlink -f "$2")
shift 2
namespaces=(--mount --propagation private)
[ "$(id -u)" = 0 ] || namespaces+=(--user --map-root-user)
# shellcheck disable=SC2016
exec unshare "${namespaces[@]}" bash -c '
  set -eu
  root=$1 work=$2
  shift 2
  mount --rbind / "$root/mnt"
  mount --rbind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  mkdir -p "$root/$work"
  mount --bind "$work" "$root/$work"
  exec chroot "$root" /usr/bin/env -i HOME="$work/home" LANG=C.UTF-8 \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "$@"
' _ "$root" "$work" "$@"
