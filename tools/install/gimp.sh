# shellcheck shell=bash disable=SC2154 # variables of install.sh
# Where GIMP 3 keeps its plug-ins, and putting ours there.

# The configuration folders of every GIMP 3.x of this user, one a line: distribution packages and
# AppImages, Flatpak, Snap, macOS. A GIMP that was never started gets its folder made.
find_gimp_dirs() {
  local base
  for base in "${XDG_CONFIG_HOME:-$HOME/.config}/GIMP" "$HOME/.var/app/org.gimp.GIMP/config/GIMP" \
    "$HOME/snap/gimp/current/.config/GIMP" "$HOME/Library/Application Support/GIMP"; do
    find "$base" -mindepth 1 -maxdepth 1 -type d -name '3.*' 2>/dev/null || true
  done
  [ -z "${GIMP3_DIRECTORY:-}" ] || printf '%s\n' "$GIMP3_DIRECTORY"
  [ ${#gimp_dirs[@]} = 0 ] || printf '%s\n' "${gimp_dirs[@]}"
  never_started
}

never_started() {
  local name version
  for name in gimp gimp-3.2 gimp-3.0; do
    command -v "$name" >/dev/null || continue
    version=$("$name" --version 2>/dev/null | grep -o '3\.[0-9]*' | head -n 1) || true
    [ -z "$version" ] || printf '%s\n' "${XDG_CONFIG_HOME:-$HOME/.config}/GIMP/$version"
  done
}

# install_plugin DIR: an exact copy, executable, and newer than what GIMP remembers, so that it
# registers the procedures again.
install_plugin() {
  local target="$1/plug-ins/pentimento"
  mkdir -p "$1/plug-ins"
  rm -rf "$target"
  cp -R "$here/plugin/pentimento" "$target"
  find "$target" -name __pycache__ -type d -prune -exec rm -rf {} +
  chmod 755 "$target/pentimento.py"
  touch "$target/pentimento.py"
}

# gimp_console: the command of a GIMP 3 of this machine, nothing where there is none.
gimp_console() {
  local name
  for name in gimp-console-3.2 gimp-console-3.0 gimp-console; do
    if command -v "$name" >/dev/null && "$name" --version 2>/dev/null | grep -q ' 3\.'; then
      command -v "$name"
      return
    fi
  done
}
