# Sourced by scripts that put one Cutover in front of the fake upstream: ports, a config, both processes, and their end.
# shellcheck shell=bash
# shellcheck disable=SC2034
cutover=${CUTOVER:-target/release/cutover}
loadtest=${LOADTEST:-target/release/loadtest}
upstream=127.0.0.1:19477 clients=127.0.0.1:19478 admin=127.0.0.1:19479
folder=$(mktemp -d)
pids=()

# shellcheck disable=SC2317
end() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap end EXIT

start_upstream() { # before it: what it is to be run with
  "$@" "$loadtest" upstream --listen $upstream &
  pids+=($!)
}

start_cutover() { # backend's dialect, verbatim, upstream's script, then the command; its pid is in $front
  cat >"$folder/config.yaml" <<YAML
listen: { clients: "$clients", admin: "$admin" }
limits: { connections: 10000 }
auth:
  - pat: { tokens: [ { name: loadtest, sha256: "7f6a64e4311c440dc15928e6ebc4ccd07aeffbaa8942e87d43996ac4d81a0aab" } ] }
backends:
  agent: { url: "http://$upstream$3/agent", dialect: $1, credential: none, verbatim: $2 }
routes:
  - { name: agent, match: { model: agent }, split: { agent: 1 }, answer: openai }
YAML
  CUTOVER_LOG=warn "${@:4}" serve --config "$folder/config.yaml" 2>"$folder/said" &
  front=$!
  pids+=("$front")
  until curl --silent --output /dev/null "http://$clients/v1/models"; do
    kill -0 "$front" 2>/dev/null || { cat "$folder/said" >&2; return 1; }
    sleep 0.1
  done
}

stop_cutover() {
  kill "$front"
  wait "$front" 2>/dev/null || true
}
