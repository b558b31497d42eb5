#!/usr/bin/env bash
# The nodes that the golden transcripts expect, as sdk/conformance/README.md describes them.
# shellcheck disable=SC2154 # The inputs are variables that akao.sh sets.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../akao.sh
source "$here/../akao.sh"

gates=$(mktemp -d)
prefix=com.example.conformance.

echo_value() { akao_return "$AKAO_PARAMETERS"; }
fail() { akao_fail "$input_kind" "$input_message" "${input_retryable:--}" "${input_detail:-null}"; }
throw() {
  echo "$input_message" >&2
  false
}
slow() {
  akao_progress 0 started
  until akao_cancelled; do sleep 0.005; done
  [[ $input_ignore == true ]] || akao_check_cancelled
  akao_return '{"cancelled":true}'
}
wait_for_gate() {
  akao_progress 0 waiting
  until [[ -e $gates/$input_gate_name ]]; do
    akao_check_cancelled
    sleep 0.005
  done
  akao_return "{\"opened\":\"$input_gate_name\"}"
}
open_gate() { : >"$gates/$input_gate_name"; }
progress() {
  local index fraction
  for ((index = 1; index <= input_count; index++)); do
    printf -v fraction '%d.%03d' $((index / input_count)) $((index * 1000 / input_count % 1000))
    akao_progress "$fraction" "step $index"
  done
}
log() { akao_log "$input_level" "$input_message" "$input_fields"; }
stream() {
  local LC_ALL=C text index
  text=$(yes -- "$input_text" | head -n "$input_times" | tr -d '\n')
  for ((index = 1; index < input_writers; index++)); do akao_output "$input_stream" "$text" & done
  akao_output "$input_stream" "$text"
  wait
  akao_return "{\"bytes\":$((${#text} * input_writers))}"
}
secret() {
  local value
  value=$(akao_secret "$input_name")
  akao_return "{\"value\":\"$value\"}"
}
state() {
  local before
  before=$(akao_state_get "$input_key")
  akao_state_put "$input_key" "$(jq -c .value <<<"$AKAO_PARAMETERS")"
  akao_return "{\"before\":$before}"
}
blob_put() {
  local blob
  printf '%s' "$input_text" >"$(akao_workspace)/$input_name"
  blob=$(akao_blob_put "$input_name" "${input_media_type-}")
  akao_return "{\"blob\":$blob}"
}
blob_get() {
  local path
  path=$(akao_blob_get "$input_blob" "$input_name")
  akao_return "$(jq -Rsc '{text: .}' "$path")"
}
outside() { akao_blob_put ../outside.txt; }
context() {
  akao_return "$(jq -c --argjson attempt "$(akao_context attempt)" --arg tenant "$(akao_context tenant)" \
    --arg execution "$(akao_context execution_id)" --arg key "$(akao_context idempotency_key)" '
    {node_id, workflow_id, execution_id: $execution, step, attempt: $attempt, idempotency_key: $key, tenant: $tenant, deadline,
     trace}' <<<"$AKAO_CONTEXT")"
}
big() {
  # Replacing in a long text takes bash minutes.
  akao_return "{\"text\":\"$(head -c "$input_bytes" /dev/zero | tr '\0' x)\"}"
}
bad_outputs() {
  case $input_case in
    integer) akao_return '{"value":9007199254740993}' ;;
    nan) akao_return '{"value":NaN}' ;;
    list) akao_return '[1]' ;;
  esac
}
noise() {
  echo '{"jsonrpc":"2.0","id":"1","result":{"success":true}}'
  echo noise >&2
}
items() {
  ((input_value >= 0)) || akao_fail input "the value is negative" - "{\"value\":$input_value}"
  akao_return "{\"double\":$((input_value * 2))}"
}

required='"required":true'
akao_node "${prefix}echo" echo_value "{\"value\":{$required}}"
akao_node "${prefix}typed" echo_value "{
  \"text\":{\"type\":\"string\",$required},\"count\":{\"type\":\"integer\",\"default\":1},\"ratio\":{\"type\":\"number\"},
  \"flag\":{\"type\":\"boolean\"},\"items\":{\"type\":\"array\"},\"options\":{\"type\":\"object\"},
  \"choice\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}}"
akao_node "${prefix}fail" fail "{\"kind\":{\"type\":\"string\",$required},\"message\":{\"type\":\"string\",$required},
  \"retryable\":{\"type\":\"boolean\"},\"detail\":{}}"
akao_node "${prefix}throw" throw "{\"message\":{\"type\":\"string\",$required}}"
akao_node "${prefix}slow" slow '{"ignore":{"type":"boolean","default":false}}'
akao_node "${prefix}wait" wait_for_gate "{\"gate_name\":{\"type\":\"string\",$required}}"
akao_node "${prefix}open" open_gate "{\"gate_name\":{\"type\":\"string\",$required}}"
akao_node "${prefix}progress" progress "{\"count\":{\"type\":\"integer\",$required}}"
akao_node "${prefix}log" log "{\"level\":{\"type\":\"string\",$required},\"message\":{\"type\":\"string\",$required},
  \"fields\":{\"type\":\"object\",$required}}"
akao_node "${prefix}stream" stream "{\"stream\":{\"type\":\"string\",$required},\"text\":{\"type\":\"string\",$required},
  \"times\":{\"type\":\"integer\",$required},\"writers\":{\"type\":\"integer\",\"default\":1}}"
akao_node "${prefix}secret" secret "{\"name\":{\"type\":\"string\",$required}}"
akao_node "${prefix}state" state "{\"key\":{\"type\":\"string\",$required},\"value\":{$required}}"
akao_node "${prefix}blob_put" blob_put "{\"name\":{\"type\":\"string\",$required},\"text\":{\"type\":\"string\",$required},
  \"media_type\":{\"type\":\"string\"}}"
akao_node "${prefix}blob_get" blob_get "{\"blob\":{\"type\":\"object\",$required},\"name\":{\"type\":\"string\",$required}}"
akao_node "${prefix}outside" outside
akao_node "${prefix}context" context
akao_node "${prefix}big" big "{\"bytes\":{\"type\":\"integer\",$required}}"
akao_node "${prefix}bad_outputs" bad_outputs "{\"case\":{\"type\":\"string\",$required}}"
akao_node "${prefix}noise" noise
akao_node "${prefix}items" items "{\"value\":{\"type\":\"integer\",$required}}" batch

akao_serve com.example.conformance 1.2.3
