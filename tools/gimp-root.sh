#!/bin/bash
# gimp-root.sh make SUITE: a private Debian root with GIMP 3, for the demo and the tests.
# gimp-root.sh path SUITE: where it is.
# SUITE is trixie (GIMP 3.0) or sid (GIMP 3.2). The root lies in the user's cache folder, is made once
# (about a minute), and nothing of it is installed on the machine itself.
set -eu

packages=gimp,gir1.2-gimp-3.0,python3-gi,python3-numpy,gettext,procps
packages+=,xvfb,xdotool,matchbox-window-manager,xfwm4,imagemagick,adwaita-icon-theme
packages+=,dbus-x11,at-spi2-core,gir1.2-atspi-2.0,fonts-dejavu-core,fonts-wqy-microhei

usage() {
  sed -n '2,5s/^# //p' "$0"
  exit 2
}

need_mmdebstrap() {
  command -v mmdebstrap >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq mmdebstrap debian-archive-keyring >/dev/null
    return
  fi
  echo "A private GIMP needs mmdebstrap: sudo apt install mmdebstrap debian-archive-keyring" >&2
  exit 1
}

# The machine's own mirror where it has one for Debian.
mirror() {
  local found=
  # shellcheck disable=SC1091
  if [ "$(. /etc/os-release && echo "$ID")" = debian ]; then
    # shellcheck disable=SC2016
    found=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep '/debian/\?$' | head -n 1)
  fi
  echo "${found:-http://deb.debian.org/debian}"
}

make() {
  local suite=$1 root=$2 draft mode=unshare
  mkdir -p "$(dirname "$root")"
  exec 9>"$root.lock"
  flock 9 # another run may be making the same root
  [ ! -e "$root/usr/bin/gimp-console" ] || return 0
  need_mmdebstrap
  [ "$(id -u)" != 0 ] || mode=root
  draft=$(mktemp -d "$root.XXXXXX")
  chmod 755 "$draft"
  echo "Making a private Debian $suite with GIMP 3 in $root (about a minute) ..."
  # A frozen mirror carries an expired Release file; its signature is still checked.
  if ! mmdebstrap --quiet --mode="$mode" --variant=apt --include="$packages" \
    --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$draft" "$(mirror)" 9>&-; then
    rm -rf "$draft"
    echo "The private GIMP could not be made; the lines above say why." >&2
    exit 1
  fi
  rm -rf "$root"
  mv "$draft" "$root"
}

[ $# = 2 ] || usage
root=${XDG_CACHE_HOME:-$HOME/.cache}/pentimento/gimp-roots/$2
case $2 in trixie | sid) ;; *) usage ;; esac
case $1 in
  make) make "$2" "$root" ;;
  path) echo "$root" ;;
  *) usage ;;
esac
