# Sourced by ./run, ./test and bench/run: sees to it that the machine has what they need.

# What is missing and cannot be installed from here, so that whoever may not install hears of all of it at once.
missing=()

# need COMMAND-OR-FILE PACKAGE…: installs Debian packages if the command is missing, or notes them for needs_met.
need() {
  local have=$1; shift
  if command -v "$have" >/dev/null 2>&1 || [ -e "$have" ] || compgen -G "$have" >/dev/null; then return 0; fi
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo=(sudo -n)
    else missing+=("$@"); return 0; fi
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

# After every need: ends the script if something is missing that somebody else must install.
needs_met() {
  [ "${#missing[@]}" -eq 0 ] && return 0
  echo "Missing: ${missing[*]}. This user can install nothing; as root: apt-get install ${missing[*]}" >&2
  exit 69
}

need_dotnet() {
  command -v dotnet >/dev/null 2>&1 || { echo "Missing: the .NET 10 SDK (dotnet). See https://dot.net for how to install it." >&2; exit 69; }
  export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
}

# What only a build needs: the SDK that global.json asks for, where need_dotnet is content with any dotnet.
need_sdk() {
  (cd "$top" && dotnet --version >/dev/null 2>&1) && return 0
  local have; have=$(dotnet --list-sdks 2>/dev/null | cut -d' ' -f1 | paste -sd' ')
  echo "Missing: the .NET 10 SDK, $(grep -o '[0-9]*\.[0-9]*\.[0-9]*' "$top/global.json") or newer; there is ${have:-no SDK, only a runtime}. See https://dot.net for how to install it." >&2
  exit 69
}

need_postgres() {
  # A server on PATH does as well as Debian's; setpriv and setsid start it.
  command -v initdb >/dev/null 2>&1 || need '/usr/lib/postgresql/*/bin/initdb' postgresql
  need setpriv util-linux
}
