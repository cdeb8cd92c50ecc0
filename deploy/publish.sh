# Sourced by ./run and bench/run: what is measured is what is run.

# publish_host FOLDER: builds the host into it, whole or not at all. Compiled ahead of time it starts in about four fifths of
# the time; where the compiler's package cannot be restored, it is built all the same.
publish_host() {
  local folder=$1 rid=linux-x64
  [ "$(uname -m)" = aarch64 ] && rid=linux-arm64
  local ahead=(-r "$rid" -p:PublishReadyToRun=true)
  local publish=(dotnet publish "$top/src/ControlCenter" -c Release -o "$folder.unfinished" -v quiet --nologo)
  need_sdk
  echo "Building Control Center" >&2
  rm -rf "$folder.unfinished"
  if dotnet restore "$top/src/ControlCenter" -v quiet "${ahead[@]}" >/dev/null 2>&1; then
    "${publish[@]}" --no-restore --self-contained false "${ahead[@]}" >&2
  else
    echo "(not compiled ahead of time: its compiler cannot be restored here)" >&2
    "${publish[@]}" >&2
  fi
  rm -rf "$folder"
  mv "$folder.unfinished" "$folder"
}
