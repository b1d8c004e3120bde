# shellcheck shell=bash disable=SC2154 # variables of install.sh
# The installation for a user, and its removal.

# The same rule as in server/pentimento/core/files.py and plugin/pentimento/server.py.
data_dir() {
  local base=${XDG_DATA_HOME:-}
  case ${PENTIMENTO_DATA:-} in
    '')
      if [ "$(uname)" = Darwin ]; then
        printf '%s\n' "$HOME/Library/Application Support/pentimento"
        return
      fi
      case $base in
        /*) ;;
        *) base=$HOME/.local/share ;; # a relative path is invalid there
      esac
      printf '%s\n' "$base/pentimento"
      ;;
    '~') printf '%s\n' "$HOME" ;;
    '~/'*) printf '%s\n' "$HOME/${PENTIMENTO_DATA#'~/'}" ;;
    /*) printf '%s\n' "$PENTIMENTO_DATA" ;;
    *) printf '%s\n' "$PWD/$PENTIMENTO_DATA" ;;
  esac
}

unit_file() { printf '%s\n' "${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/pentimento.service"; }
command_link() { printf '%s\n' "$HOME/.local/bin/pentimento"; }

install_for_user() {
  local data count=0 dir
  data=$(data_dir)
  [ "$with_server" = no ] || install_server "$data"
  while IFS= read -r dir; do
    install_plugin "$dir"
    say "Plug-in:  $dir/plug-ins/pentimento"
    count=$((count + 1))
  done < <(find_gimp_dirs | sort -u)
  [ "$service" = no ] || install_service
  if [ $count = 0 ]; then
    say "No GIMP 3 was found. Install GIMP 3.0 or newer, start it once, and run ./install.sh again;"
    say "or name its configuration folder: ./install.sh --gimp-dir ~/.config/GIMP/3.0"
  else
    say "Done. Restart GIMP and open Filters > Pentimento. It starts the server when it needs it."
  fi
}

install_server() {
  local data=$1 venv=$1/venv
  need_python
  (umask 077 && mkdir -p "$data")
  stop_server "$data"
  install_packages "$venv"
  if ! works "$venv"; then
    say "The virtual environment is damaged; making it anew ..."
    rm -rf "$venv"
    install_packages "$venv"
    works "$venv" || die "the server cannot be started; the lines above say why"
  fi
  write_install_json "$data"
  say "Server:   $venv"
  link_command "$venv/bin/pentimento"
}

# install_packages VENV: PyTorch, the server and what it needs.
install_packages() {
  local venv=$1 source
  make_venv "$venv"
  install_torch "$venv"
  say "Installing the server ..."
  # From a copy: a build in the checkout would pick up files of earlier versions.
  source=$(mktemp -d)
  cp -R "$here/server" "$here/pyproject.toml" "$here/README.md" "$here/LICENSE" "$source"
  rm -rf "$source/server/"*.egg-info
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${source}[gguf]"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --force-reinstall --no-deps "$source"
  install_spandrel "$venv"
  rm -rf "$source"
}

# works VENV: whether everything that a job needs can be imported.
works() {
  (cd / && "$1/bin/python" -c \
    'import torch, diffusers, transformers, cv2, PIL, starlette, uvicorn, pydantic, pentimento.cli')
}

# The command in the user's own bin folder, unless something else has that name there.
link_command() {
  local link
  link=$(command_link)
  if [ -e "$link" ] && [ ! -L "$link" ]; then
    say "Command:  $1 ($link is another program and stays)"
    return
  fi
  mkdir -p "$(dirname "$link")"
  ln -sf "$1" "$link"
  say "Command:  $link (try: pentimento doctor)"
}

# How the plug-in starts the server: never with GIMP's own Python.
write_install_json() {
  "$1/venv/bin/python" - "$1" "$here/docs" <<'PYTHON'
import json, os, sys
from pathlib import Path

from pentimento import __version__

target = Path(sys.argv[1], "install.json")
command = [str(Path(sys.argv[1], "venv", "bin", "python")), "-m", "pentimento", "serve"]
draft = target.with_suffix(".new")
with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
    json.dump({"command": command, "version": __version__, "docs": sys.argv[2]}, file)
draft.replace(target)
PYTHON
}

install_service() {
  [ -x "$(data_dir)/venv/bin/python" ] || die "--service needs the server: leave --no-server out"
  systemctl --user show-environment >/dev/null 2>&1 || die "--service needs a systemd user session"
  mkdir -p "$(dirname "$(unit_file)")"
  cat >"$(unit_file)" <<UNIT
[Unit]
Description=Pentimento, generative painting for GIMP

[Service]
ExecStart="$(data_dir)/venv/bin/python" -m pentimento serve --data-dir "$(data_dir)"
Restart=on-failure

[Install]
WantedBy=default.target
UNIT
  systemctl --user daemon-reload
  systemctl --user enable --now pentimento.service
  say "Service:  $(unit_file)"
}

# A running server would keep the old code; it starts again with the next job.
stop_server() {
  local python="$1/venv/bin/python" pid
  [ -e "$1/server.json" ] && [ -x "$python" ] || return 0
  pid=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["pid"])' \
    "$1/server.json" 2>/dev/null) || return 0
  # Only if that process really is a server of ours: numbers are used again after a crash.
  if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'pentimento.* serve'; then
    kill "$pid" 2>/dev/null || return 0
    timeout 10 tail --pid="$pid" -f /dev/null || true
  fi
}

# Only what is ours: PENTIMENTO_DATA may name any folder, and people lay files beside ours. So files
# go by the names that the server gives (jobs/results.py, jobs/blobs.py, core/data_folder.py), folders
# once nothing is left in them, and links are not followed. Models go whole, as the option says.
purge_data() {
  local data=${1:?} hex32='[0-9a-f]{32}' part='(([.][0-9]+)?[.]part)?' job LC_ALL=C
  for job in "$data/jobs"/*; do
    [ ! -L "$data/jobs" ] && [[ ${job##*/} =~ ^$hex32$ ]] || continue
    remove_named "$job" "^([0-9]+[.](raw|png|icc|webp)|mask[.]raw|stage-[0-9]+[.]raw|record[.]json)$part$"
  done
  remove_named "$data/jobs" '^$'
  remove_named "$data/blobs" "^($hex32$hex32|$hex32[.]part)$"
  remove_named "$data/logs" '^(server|engine)[.]log([.][0-9]+)?$'
  [ -L "$data/models" ] || rm -rf "$data/models"
  remove_named "$data" "^(server[.]json|(server|start)[.]lock|token|[.]pentimento-data)$"
  remove_named "$data" "^jobs[.]sqlite([.]damaged(-[0-9]+)?)?(-wal|-shm)?$"
}

# remove_named FOLDER REGEX: the files in it that have such names, and it when it is empty then.
remove_named() {
  local file
  [ -d "$1" ] && [ ! -L "$1" ] || return 0
  for file in "$1"/* "$1"/.[!.]*; do
    if [[ ${file##*/} =~ $2 ]] && [ -f "$file" ] && [ ! -L "$file" ]; then
      rm -f "$file"
    fi
  done
  rmdir "$1" 2>/dev/null || true
}

uninstall_for_user() {
  local data dir
  data=$(data_dir)
  if [ -e "$(unit_file)" ]; then
    systemctl --user disable --now pentimento.service 2>/dev/null || true
    rm -f "$(unit_file)"
  fi
  stop_server "$data"
  while IFS= read -r dir; do
    [ -d "$dir/plug-ins/pentimento" ] || continue
    rm -rf "$dir/plug-ins/pentimento"
    say "Removed $dir/plug-ins/pentimento"
  done < <(find_gimp_dirs | sort -u)
  if [ -L "$(command_link)" ] && [ "$(readlink "$(command_link)")" = "$data/venv/bin/pentimento" ]; then
    rm "$(command_link)"
  fi
  rm -rf "$data/venv" "$data/install.json"
  [ "$purge" = no ] || purge_data "$data"
  if [ -d "$data" ] && ! rmdir "$data" 2>/dev/null; then
    if [ "$purge" = yes ]; then
      say "Kept $data: it holds files that are not Pentimento's."
    else
      say "Kept $data (models and results); --purge removes them too."
    fi
  fi
  say "Pentimento is uninstalled."
}
