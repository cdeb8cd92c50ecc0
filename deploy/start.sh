# Sourced by ./run and ./devxio, with "top" set: sees to it that what they start is built, and starts it.

# Names, sizes and times of all sources: a start with nothing changed takes no build's time, and a deleted file counts too.
fingerprint() {
  cd "$top"
  find src Directory.*.props global.json \( -name bin -o -name obj -o -name _framework \) -prune -o -type f -printf '%p %s %T@\n' |
    LC_ALL=C sort | sha256sum | cut -c1-16
}

# start_host ARGUMENTS…: becomes the program. One folder a build, because an earlier host may still be running from its own: files
# that a process has mapped are not overwritten. The newest three are kept.
start_host() {
  local builds=$top/artifacts/builds host
  mkdir -p "$builds"
  host=$builds/$(fingerprint)
  if [ ! -d "$host" ]; then
    exec 9>"$builds/.lock"
    flock 9
    if [ ! -d "$host" ]; then
      publish_host "$host"
      find "$builds" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | tail -n +4 | cut -d' ' -f2- | while IFS= read -r old; do rm -rf "$old"; done
    fi
    exec 9>&-
  fi

  : "${CC_HOME:=./data}"
  export CC_HOME
  exec dotnet "$host/ControlCenter.dll" "$@"
}
