#!/usr/bin/env bash
# The shell SDK as authors of nodes see it, and the snippets of its README. Prints a line for each case, then the counts.
# shellcheck disable=SC2154 # The inputs are variables that akao.sh sets.
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=../akao.sh
source "$home/akao.sh"
# shellcheck source=../testing.sh
source "$home/testing.sh"
passed=0 failed=0

check() { # NAME FILTER JSON
  if jq -e "$2" <<<"$3" >/dev/null; then
    ((passed += 1))
    echo "passed  $1"
  else
    ((failed += 1))
    echo "FAILED  $1: $3"
  fi
}

add() { akao_return "{\"sum\":$((input_left + input_right))}"; }
quote() { akao_return "$(jq -cn --arg text "$input_text" '{text: $text}')"; }
files() {
  local blob path
  printf all >"$(akao_workspace)/a.txt"
  blob=$(akao_blob_put a.txt text/plain)
  path=$(akao_blob_get "$blob" b.txt)
  akao_return "{\"text\":\"$(<"$path")\",\"blob\":$blob}"
}
keep() {
  local calls secret
  calls=$(akao_state_get calls)
  akao_state_put calls "$(jq -n "${calls} + 1")"
  secret=$(akao_secret "$input_name")
  akao_return "{\"secret\":\"$secret\"}"
}
rows() { head -c 600000 /dev/zero | tr '\0' x | akao_output rows; }
leave() {
  sleep 60 &
  echo "left $!"
}
turn() {
  akao_progress - turning
  until akao_cancelled; do sleep 0.01; done
  akao_check_cancelled
}
odd() {
  case $input_case in
    status) return 7 ;;
    missing) no-such-program ;;
    json) akao_return '{"a":' ;;
    two) akao_return '{} {}' ;;
    kind) akao_fail odd m ;;
    late) true && akao_secret NONE && akao_return '{"never":true}' ;;
  esac
}

text='{"text":{"type":"string","required":true}}'
akao_node com.example.add add '{"left":{"type":"integer","required":true},"right":{"type":"integer","default":1}}'
akao_node com.example.quote quote "$text"
akao_node com.example.files files
akao_node com.example.keep keep '{"name":{"type":"string","required":true}}'
akao_node com.example.rows rows
akao_node com.example.turn turn
akao_node com.example.leave leave
akao_node com.example.odd odd '{"case":{"type":"string","required":true}}'

check "outputs and defaults" '.outputs == {sum: 3}' "$(akao_test com.example.add '{"left":2}')"
check "wrong types" '.error.message == "/left expected integer, found boolean"' "$(akao_test com.example.add '{"left":true}')"
check "quotes, line feeds, dollars" '.outputs.text == "it'"'"'s \"$HOME\"\n\t\\ `id` é"' \
  "$(akao_test com.example.quote "$(jq -n '{text: "it'"'"'s \"$HOME\"\n\t\\ `id` é"}')")"
check "files travel as blobs" '.outputs == {text: "all", blob: {"$blob": "test:1", bytes: 3, media_type: "text/plain"}}' "$(akao_test com.example.files '{}')"
AKAO_TEST_STATE=$(mktemp)
echo '{"calls":1}' >"$AKAO_TEST_STATE"
export AKAO_TEST_STATE AKAO_TEST_SECRETS='{"A":"a"}'
check "a secret that is granted" '.outputs == {secret: "a"}' "$(akao_test com.example.keep '{"name":"A"}')"
check "a secret that is not" '.error.kind == "permission"' "$(akao_test com.example.keep '{"name":"B"}')"
check "state is kept" '.calls == 3' "$(<"$AKAO_TEST_STATE")"
rm -f "$AKAO_TEST_STATE"
unset AKAO_TEST_STATE
check "long output" '.output.rows | length == 600000' "$(akao_test com.example.rows '{}')"
started=$SECONDS
log=$(mktemp)
check "a process left in the background" '.outputs == {}' "$(akao_test com.example.leave '{}' 2>"$log")"
left=$(sed -n 's/^left //p' "$log")
rm -f "$log"
# It has been killed, and may not have been waited for yet.
while kill -0 "$left" 2>/dev/null && ((SECONDS - started < 30)); do sleep 0.01; done
check "it ends with the session" ". < 30" $((SECONDS - started))
check "a cancel" '.error.kind == "cancelled"' "$(AKAO_TEST_CANCEL=1 akao_test com.example.turn '{}')"
check "a status" '.error | .kind == "internal" and .detail.status == 7' "$(akao_test com.example.odd '{"case":"status"}' 2>&1)"
check "a missing program" '.error.message | contains("no-such-program")' \
  "$(akao_test com.example.odd '{"case":"missing"}' 2>/dev/null)"
check "broken outputs" '.error.kind == "internal"' "$(akao_test com.example.odd '{"case":"json"}')"
check "two documents" '.error.message == "outputs are one JSON document"' "$(akao_test com.example.odd '{"case":"two"}')"
check "an unknown kind" '.error.message | contains("unknown kind")' "$(akao_test com.example.odd '{"case":"kind"}')"
check "a refusal within a list of commands" '.error.kind == "permission"' "$(akao_test com.example.odd '{"case":"late"}')"

folder=$(mktemp -d)
cp "$home"/*.sh "$home/dispatch.jq" "$folder"
awk '/^```bash$/ { getline name; sub(/^# /, "", name); file = folder "/" name; next }
  /^```$/ { file = ""; next }
  file { print > file }' folder="$folder" "$home/README.md"
(cd "$folder" && bash test.sh >log 2>&1)
check "the snippets of the README" '. == 0' "$?"
(cd "$folder" && bash main.sh 2>by-hand)
status=$?
check "started by hand" ". == 2 and $(grep -c 'akao node run' "$folder/by-hand") == 1" "$status"
rm -rf "$folder"

echo "$passed passed, $failed failed"
((failed == 0))
