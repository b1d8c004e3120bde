# shellcheck shell=bash disable=SC2154 # variables of install.sh
# The demo and the tests: everything lies in this checkout (.venv, demo/) and the user's cache
# folder (private GIMP roots); nothing of the user's own GIMP or data is touched.

# prepare_checkout EXTRAS: the virtual environment of this checkout.
prepare_checkout() {
  need_python may-install
  make_venv "$here/.venv"
  install_torch "$here/.venv"
  say "Installing the server and what it needs ..."
  "$here/.venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$here$1"
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
  for suite in trixie sid; do
    "$here/tools/gimp-root.sh" make "$suite"
  done
  cd "$here" || exit
  # shellcheck disable=SC1091
  . .venv/bin/activate
  say "Checking style and types ..."
  ruff format --check .
  ruff check .
  mypy
  say "Running the tests ..."
  # One thread for each process: the tests' models are tiny, and two cores are shared by several.
  export OMP_WAIT_POLICY=passive
  if [ $# -gt 0 ]; then
    exec python -m pytest "$@"
  fi
  run_all_tests
}

# Those with real GIMP mostly wait for its windows, so they run beside the others and are shown
# when they are done. Fails when either half fails.
run_all_tests() {
  local with_gimp=(tests/gimp tests/gui) log runner failed=0
  log=$(mktemp)
  python -m pytest -p no:cacheprovider "${with_gimp[@]}" >"$log" 2>&1 &
  runner=$!
  # shellcheck disable=SC2064 # the values of now
  trap "kill $runner 2>/dev/null || true; rm -f '$log'" EXIT
  python -m pytest "${with_gimp[@]/#/--ignore=}" || failed=$?
  say "The tests with GIMP, which ran at the same time:"
  wait "$runner" || failed=$?
  cat "$log"
  return "$failed"
}
