# Sourced by ./run and ./test: sees to it that the machine has what they need.

# need COMMAND-OR-FILE PACKAGE…: installs Debian packages if the command is missing; says exactly what is missing where it cannot.
need() {
  local have=$1; shift
  if command -v "$have" >/dev/null 2>&1 || [ -e "$have" ] || compgen -G "$have" >/dev/null; then return 0; fi
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo=(sudo -n)
    else echo "Missing: $*. Install it as root: apt-get install $*" >&2; exit 69; fi
  fi
  command -v apt-get >/dev/null 2>&1 || { echo "Missing: $* (a Debian package); there is no apt-get here to install it with." >&2; exit 69; }
  echo "Installing $*" >&2
  # Debian would start a cluster of its own on 5432, which nobody here asked for.
  if [[ " $* " == *" postgresql "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
    "${sudo[@]}" mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "$@" >&2
}

need_dotnet() {
  command -v dotnet >/dev/null 2>&1 || { echo "Missing: the .NET 10 SDK (dotnet). See https://dot.net for how to install it." >&2; exit 69; }
  export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
}

need_postgres() {
  # A server on PATH does as well as Debian's; setpriv and setsid start it.
  command -v initdb >/dev/null 2>&1 || need '/usr/lib/postgresql/*/bin/initdb' postgresql
  need setpriv util-linux
}
