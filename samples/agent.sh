#!/usr/bin/env bash
# A complete agent with curl and jq: audits a folder (large files, duplicates, TODO markers), asks before it reports.
#   CC_FOUNDER_KEY=… samples/agent.sh FOLDER             registers itself, works until no task comes for a minute
#   CC_AGENT_ID=… CC_AGENT_KEY=… samples/agent.sh FOLDER goes on as an agent that is registered already
set -euo pipefail

folder=${1:-.}
bus=${CC_URL:-http://127.0.0.1:7400}/api/v1
state=$(mktemp -d)
beat=
trap '[ -z "$beat" ] || kill "$beat" 2>/dev/null || true; rm -rf "$state"' EXIT

# call METHOD PATH [JSON]: prints the answer, fails when refused. A host that is away is waited for; the Idempotency-Key makes the repeat safe.
call() {
  local answer code repeat
  repeat=$(cat /proc/sys/kernel/random/uuid)
  while :; do
    if answer=$(curl -sS --max-time 90 -w '\n%{http_code}' -X "$1" "$bus$2" -H "Authorization: Bearer $key" \
      -H 'Content-Type: application/json' -H "Idempotency-Key: $repeat" ${3:+--data-binary "$3"} 2>>"$state/curl.log"); then
      code=${answer##*$'\n'} answer=${answer%$'\n'*}
      case $code in
        2*) printf '%s' "$answer"; return 0 ;;
        429 | 503) ;;
        *) say "$1 $2: $code $(jq -r .detail <<<"$answer")"; return 1 ;;
      esac
    fi
    sleep 1
  done
}
say() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }

# The heartbeat renews the lease, and brings what the founder has to say.
heartbeats() {
  while sleep 4; do
    answer=$(call POST "/agents/$agent/heartbeat" "$(jq -n --argjson lease "$proof" '{state: "working", leases: [$lease]}')") || continue
    [ "$(jq '[.leases[] | select(.lost)] | length' <<<"$answer")" = 0 ] || touch "$state/lost"
    jq -c '.interventions[]' <<<"$answer" | while read -r told; do
      case $(jq -r .kind <<<"$told") in
        pause) touch "$state/paused" ;;
        resume) rm -f "$state/paused" ;;
        stop) touch "$state/stop" ;;
      esac
      say "told to $(jq -r '"\(.kind) \(.text // "")"' <<<"$told")"
      call POST "/interventions/$(jq -r .intervention_id <<<"$told")/ack" >/dev/null
    done
  done
}

# Between two steps: hold still while paused, give the task back when stopped, leave it alone when it is somebody else's.
obey() {
  while [ -e "$state/paused" ] && [ ! -e "$state/stop" ]; do sleep 1; done
  if [ -e "$state/lost" ]; then say "the lease is lost; somebody else goes on"; return 1; fi
  if [ -e "$state/stop" ]; then
    call POST "/tasks/$task/release" "$(jq -n --argjson p "$proof" '$p + {reason: "told to stop"}')" >/dev/null
    say "stopped"; exit 0
  fi
}

audit() {
  case $1 in
    large) find "$folder" -type f -not -path '*/.git/*' -size +1M -printf '%s\t%p\n' | sort -rn | head -50 |
      jq -Rn '[inputs / "\t" | {path: .[1], bytes: (.[0] | tonumber)}]' ;;
    duplicates) find "$folder" -type f -not -path '*/.git/*' -size +0 -printf '%s\t%p\n' | sort -n | awk -F'\t' 's[$1]++ == 1 { print p[$1] } s[$1] > 1 { print $2 } { p[$1] = $2 }' |
      tr '\n' '\0' | xargs -0 -r sha256sum | sort | awk '{ h = $1; sub(/^[^ ]+ +/, ""); print h "\t" $0 }' |
      jq -Rn '[inputs / "\t"] | group_by(.[0]) | map(select(length > 1) | map(.[1])) | .[:50]' ;;
    todo) { grep -rnIE --exclude-dir=.git 'TODO|FIXME' "$folder" || true; } | head -100 | jq -Rn '[inputs]' ;;
  esac
}

ask_and_wait() {
  local asked
  asked=$(call POST /escalations "$(jq -n --argjson p "$proof" --arg t "$task" --arg f "$folder" --argjson found "$1" \
    '$p + {kind: "approval", task_id: $t, title: "Hand in the audit of \($f)?", detail: "\($found.large | length) large files, \($found.duplicates | length) groups of duplicates, \($found.todo | length) markers.",
      action: {report: $f, large: ($found.large | length), duplicates: ($found.duplicates | length), todo: ($found.todo | length)}}')" | jq -r .escalation_id)
  say "asked; decide at ${bus%/api/v1}/escalations/$asked"
  while :; do
    obey || return 1
    verdict=$(call GET "/escalations/$asked?wait_seconds=15" | jq -r .state)
    [ "$verdict" = waiting ] || return 0
  done
}

if [ -n "${CC_AGENT_KEY:-}" ]; then agent=$CC_AGENT_ID key=$CC_AGENT_KEY; else
  key=${CC_FOUNDER_KEY:?set CC_FOUNDER_KEY, or CC_AGENT_ID and CC_AGENT_KEY}
  me=$(call POST /agents "$(jq -n --arg n "audit-$(hostname)-$$" --arg h "$(hostname)" '{name: $n, kind: "script", capabilities: ["audit"], host: $h, surface: "terminal"}')")
  agent=$(jq -r .agent_id <<<"$me") key=$(jq -r .key <<<"$me")
  say "registered as $(jq -r .name <<<"$me")"
fi

while claim=$(call POST /tasks/claim "{\"agent_id\":\"$agent\",\"wait_seconds\":60}") && [ -n "$claim" ]; do
  task=$(jq -r .task.task_id <<<"$claim")
  proof=$(jq -c '.lease | {lease_id, fencing_token}' <<<"$claim")
  found=$(jq -c '.task.checkpoint // {}' <<<"$claim")
  say "took $(jq -r '"\(.task.ticket_key) \(.task.title), attempt \(.task.attempt)"' <<<"$claim")"
  # A task that was lost half-way may have left its heartbeat behind.
  [ -z "$beat" ] || kill "$beat" 2>/dev/null || true
  rm -f "$state/lost"
  heartbeats & beat=$!
  percent=0
  for step in large duplicates todo; do
    percent=$((percent + 30))
    # What an earlier attempt has found is in the checkpoint; it is not looked for again.
    jq -e --arg s "$step" 'has($s)' <<<"$found" >/dev/null && continue
    obey || continue 2
    found=$(jq -c --arg s "$step" --argjson list "$(audit "$step")" '.[$s] = $list' <<<"$found")
    call POST "/tasks/$task/checkpoint" "$(jq -n --argjson p "$proof" --argjson f "$found" '$p + {state: $f}')" >/dev/null || continue 2
    call POST "/tasks/$task/progress" "$(jq -n --argjson p "$proof" --arg s "$step" --argjson n "$percent" '$p + {percent: $n, message: "looked for \($s)"}')" >/dev/null || continue 2
  done
  if ask_and_wait "$found"; then
    if [ "$verdict" = approved ]; then call POST "/tasks/$task/complete" "$(jq -n --argjson p "$proof" --argjson f "$found" '$p + {result: $f}')" >/dev/null && say "handed in"
    else call POST "/tasks/$task/fail" "$(jq -n --argjson p "$proof" --arg v "$verdict" '$p + {error: "the report was \($v)", retryable: false}')" >/dev/null && say "not handed in: $verdict"; fi
  fi
  kill "$beat" 2>/dev/null || true
  beat=
done
say "no more work"
