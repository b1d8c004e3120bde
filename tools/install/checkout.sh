# shellcheck shell=bash disable=SC2154 # variables of install.sh
# The demo and the tests: everything lies in this checkout (.venv, demo/) and the user's cache
# folder (private GIMP roots); nothing of the user's own GIMP or data is touched.

# prepare_checkout EXTRAS: the virtual environment of this checkout.
prepare_checkout() {
  need_python may-install
  make_venv "$here/.venv"
  install_torch "$here/.venv"
  say "Installing the server and what it needs ..."
  install_as_tried "$here/.venv" -e "$here$1"
  install_spandrel "$here/.venv"
}

# install_as_tried DIR ARGS: in the versions that tools/lock.py has written down, so that each run
# tries the same. Where those are not to be had (another Python or platform), within the ranges.
install_as_tried() {
  local pip=("$1/bin/python" -m pip install --quiet --disable-pip-version-check)
  local tried=$here/tools/install/constraints.txt
  shift
  if [ -f "$tried" ]; then
    "${pip[@]}" --constraint "$tried" "$@" && return
    say "The versions of tools/install/constraints.txt can't be had here; taking the newest that fit."
  fi
  "${pip[@]}" "$@"
}

# install_stubs DIR: types of GTK 3, GLib and Gio for mypy. Without its dependency PyGObject: GIMP
# brings that, and a virtual environment would have to compile it.
install_stubs() {
  install_as_tried "$1" --no-deps --config-settings=config=Gtk3,Gdk3 pygobject-stubs
}

run_demo() {
  local console root
  prepare_checkout ""
  console=$(gimp_console)
  if [ -z "$console" ]; then
    "$here/tools/gimp-root.sh" make trixie
    root=$("$here/tools/gimp-root.sh" path trixie)
  fi
  exec "$here/.venv/bin/python" "$here/tools/demo/demo.py" --console "$console" --root "${root:-}"
}

run_tests() {
  local suite
  prepare_checkout "[dev]"
  install_stubs "$here/.venv"
  for suite in trixie sid; do
    "$here/tools/gimp-root.sh" make "$suite"
  done
  install_node_client
  cd "$here" || exit
  # shellcheck disable=SC1091
  . .venv/bin/activate
  say "Set up after $SECONDS s. Checking style, types and the order of the rooms ..."
  scripts/check
  say "Checked after $SECONDS s. Running the tests ..."
  # One thread for each process: the tests' models are tiny, and two cores are shared by several.
  export OMP_WAIT_POLICY=passive
  if [ $# -gt 0 ]; then
    exec python -m pytest "$@"
  fi
  run_all_tests
}

# A client of OpenAI's API for Node, where Node is there; without it one test is left out.
install_node_client() {
  command -v npm >/dev/null || return 0
  say "Installing OpenAI's client for Node ..."
  npm install --prefix "$here/tests/faces/node" --no-audit --no-fund --no-package-lock --loglevel=error
}

# Those with real GIMP mostly wait for its windows, so they run beside the others and are shown
# when they are done, and after them where the time went. The pure rooms' own tests run by
# themselves, with the floor of what they cover. Fails when any part fails.
run_all_tests() {
  local with_gimp=(tests/gimp tests/gui) pure=(tests/imaging tests/models tests/contract)
  local out=tests/out log runner failed=0
  log=$(mktemp)
  python -m pytest -p no:cacheprovider -p tests.support.times --times $out/times-with-gimp.json \
    "${with_gimp[@]}" >"$log" 2>&1 &
  runner=$!
  # shellcheck disable=SC2064 # the values of now
  trap "kill $runner 2>/dev/null || true; rm -f '$log'" EXIT
  python -m pytest -p no:cacheprovider -p tests.support.times --times $out/times-pure.json \
    --cov --cov-report=term "${pure[@]}" || failed=$?
  python -m pytest -p tests.support.times --times $out/times-without-gimp.json \
    "${with_gimp[@]/#/--ignore=}" "${pure[@]/#/--ignore=}" || failed=$?
  say "The tests with GIMP, which ran at the same time (the others ended after $SECONDS s in all):"
  wait "$runner" || failed=$?
  cat "$log"
  say "Where the time went, $SECONDS s in all:"
  python -m tests.support.times $out/times-*.json || true
  return "$failed"
}
