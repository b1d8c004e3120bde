#!/bin/bash
# Pentimento's installer: the companion server in a virtual environment of its own and the plug-in
# in every GIMP 3 of this user. It can be run again at any time and repairs what it finds.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  cat <<'TEXT'
./install.sh                 install the server and the plug-in for this user (no root needed)
./install.sh --demo          set all up in this folder and repaint a photograph in real GIMP
./install.sh --test [ARGS]   set all up in this folder and run the tests (ARGS go to pytest)
./install.sh --uninstall     remove the server and the plug-in

Options of the installation:
  --torch auto|cpu|cuda|rocm which build of PyTorch (auto: cuda with an NVIDIA card, else cpu)
  --gimp-dir DIR             also install into this GIMP configuration folder (may be repeated)
  --no-server                the plug-in only; the server runs elsewhere
  --service                  start the server with the desktop session (systemd)
Options of --uninstall:
  --purge                    remove models, results and settings of the server too
TEXT
}

say() { printf '%s\n' "$*"; }
die() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

. "$here/tools/install/python.sh"
. "$here/tools/install/gimp.sh"
. "$here/tools/install/user.sh"
. "$here/tools/install/checkout.sh"

action=install torch=auto with_server=yes service=no purge=no
gimp_dirs=()
while [ $# -gt 0 ]; do
  case $1 in
    --demo) action=demo ;;
    --test)
      action="test"
      shift
      break
      ;;
    --uninstall) action=uninstall ;;
    --torch) torch=${2:?--torch needs a value} && shift ;;
    --gimp-dir) gimp_dirs+=("${2:?--gimp-dir needs a folder}") && shift ;;
    --no-server) with_server=no ;;
    --service) service=yes ;;
    --purge) purge=yes ;;
    -h | --help) usage && exit ;;
    *) usage >&2 && die "unknown option $1" ;;
  esac
  shift
done
case $torch in auto | cpu | cuda | rocm) ;; *) die "--torch is one of auto, cpu, cuda, rocm" ;; esac

case $action in
  install) install_for_user ;;
  uninstall) uninstall_for_user ;;
  demo) run_demo ;;
  test) run_tests "$@" ;;
esac
