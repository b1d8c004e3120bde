# shellcheck shell=bash disable=SC2154 # variables of install.sh
# Python: a fitting interpreter, virtual environments, and PyTorch in the build that fits the machine.

torch_version=2.13.0
torch_index=https://download.pytorch.org/whl

# The newest Python from 3.11 on that can make virtual environments.
find_python() {
  local name
  for name in python3.13 python3.12 python3.11 python3; do
    command -v "$name" >/dev/null || continue
    "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    command -v "$name"
    return
  done
  return 1
}

# As root on Debian (the demo and the tests on a bare machine) what is missing is installed; otherwise
# the line to type is told.
need_python() {
  python=$(find_python) && return
  if [ "${1:-}" = may-install ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing Python ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >/dev/null
    python=$(find_python) && return
  fi
  die "Python 3.11 or newer with the venv module is needed: sudo apt install python3 python3-venv"
}

# make_venv DIR: a working virtual environment; a broken one is made anew.
make_venv() {
  if ! "$1/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$1"
    "$python" -m venv "$1"
  fi
}

# install_spandrel DIR: architectures of upscalers. Without its dependencies: it wants torchvision,
# which must be of the same build as torch, for parts of it that are not used here.
install_spandrel() {
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    'spandrel>=0.4.2,<0.5' || say "Without spandrel only upscalers of the kind Compact can be used."
}

# install_torch DIR: PyTorch before everything else, because a plain dependency on it would fetch
# gigabytes of CUDA libraries on a machine that has no use for them.
install_torch() {
  local pip=("$1/bin/python" -m pip install --quiet --disable-pip-version-check) choice=$torch
  if "$1/bin/python" -c 'import torch' 2>/dev/null; then
    [ "$choice" != auto ] || return 0
    # Otherwise pip keeps another build of the same version.
    "$1/bin/python" -m pip uninstall --quiet --yes torch
  fi
  if [ "$choice" = auto ]; then
    choice=cpu
    ! command -v nvidia-smi >/dev/null || choice=cuda
  fi
  say "Installing PyTorch $torch_version ($choice) ..."
  # A wheel that was put on this machine (PIP_FIND_LINKS) comes first: no download at all.
  if [ "$choice" = cpu ] && "${pip[@]}" --no-index --no-deps "torch==$torch_version" 2>/dev/null; then
    return
  fi
  case $choice in
    cuda) "${pip[@]}" "torch==$torch_version" ;;
    cpu) "${pip[@]}" --extra-index-url "$torch_index/cpu" "torch==$torch_version+cpu" ||
      "${pip[@]}" "torch==$torch_version" ;;
    rocm) "${pip[@]}" --index-url "$torch_index/rocm6.4" "torch==$torch_version" ;;
  esac
}
