# shellcheck shell=bash
# Write nodes for Akao in bash, with jq. Source this file, declare nodes with akao_node, then call akao_serve.
#
# One process, the one that calls akao_serve, writes to the host; it is told by lines in a FIFO what to do: by jq, which
# reads the host's messages (dispatch.jq), and by the calls, each of which runs in a process of its own. Lines longer than
# what a FIFO takes in one piece travel as files.

AKAO__HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
AKAO__IDS=()
AKAO__FUNCTIONS=()
AKAO__DECLARATIONS=()
AKAO_KINDS="input permission not_found connection timeout resource cancelled protocol user internal"
AKAO__MESSAGE_BYTES_MAX=1048576
# A longer line could be cut by another one.
AKAO__EVENT_BYTES_MAX=3000
AKAO__CREDIT_BYTES_START=262144
# A chunk is cut so that the longest escapes still keep its message within the bound.
AKAO__CHUNK_BYTES_MAX=65536
AKAO__PROGRESS_INTERVAL_US=100000
AKAO__TEE_US_MAX=500000
# Characters that stand in JSON as they are; `]` and `-` are added where they are used.
AKAO__PLAIN=" !#\$%&'()*+,./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[^_\`abcdefghijklmnopqrstuvwxyz{|}~"

# Assignments, one variable for each input. The escapes of JSON are those of $'…' in bash, so that no line feed is left.
# shellcheck disable=SC2016 # These dollars are jq's.
AKAO__VARIABLES_JQ='def variables:
  [to_entries[] | select(.key | test("^[A-Za-z_][A-Za-z0-9_]*$"))
    | "input_\(.key)=$\u0027" + (.value | if type == "string" then tojson[1:-1] else tojson | tojson[1:-1] end
        | split("\u0027") | join("\\\u0027")) + "\u0027"] | join(" ");'

# akao_node ID FUNCTION [INPUTS] [batch]: a node type. INPUTS is a JSON object of name to {type, required, default, enum}.
# With `batch`, a call with {"$items": […]} runs the function once for each item.
akao_node() {
  local inputs=${3:-'{}'} batch=false
  [[ ${4:-} == batch ]] && batch=true
  akao__quote "$1"
  AKAO__IDS+=("$1")
  AKAO__FUNCTIONS+=("$2")
  AKAO__DECLARATIONS+=("{\"id\":$REPLY,\"inputs\":$inputs,\"batch\":$batch}")
}

# ---- What the function of a node may call. Its inputs are in $input_NAME and, as JSON, in $AKAO_PARAMETERS. ----

# akao_context FIELD: a field of the call: node_id, workflow_id, execution_id, step, attempt, idempotency_key, …
akao_context() {
  # With one key a host says both the execution, up to the dash, and the idempotency key.
  jq -r --arg name "$1" --argjson tenant "$AKAO__TENANT" '.[$name] // {
      attempt: 1, tenant: $tenant, idempotency_key: .key, execution_id: ((.key // "") | split("-")[0])
    }[$name] // empty' <<<"$AKAO_CONTEXT"
}

# akao_return OUTPUTS: the outputs of the call, a JSON object.
akao_return() { printf '%s' "$1" >"$AKAO__CALL.outputs"; }

# akao_fail KIND MESSAGE [RETRYABLE] [DETAIL]: ends the call as failed. RETRYABLE is true, false, or `-` where that goes without
# saying for the kind.
akao_fail() {
  local retryable=${3:--} detail=${4:-null}
  if [[ " $AKAO_KINDS " != *" $1 "* ]]; then
    akao_fail internal "unknown kind of failure \`$1\`, known are $AKAO_KINDS"
  fi
  akao__failed "$1" "$2" "$retryable" "$detail"
  exit 1
}

# akao_progress FRACTION [MESSAGE]: how far the work is, 0 to 1 or `-`. Between two that are sent lie 100 ms; the last one
# always goes out.
akao_progress() {
  local fraction='' now=${EPOCHREALTIME/[.,]/} line
  [[ $1 != - ]] && fraction="\"fraction\":$1,"
  line="{\"jsonrpc\":\"2.0\",\"method\":\"\$/progress\",\"params\":{\"id\":$AKAO__ID,$fraction\"message\":"
  akao__quote "${2:-}"
  line+="$REPLY}}"
  if ((now - AKAO__PROGRESS_AT < AKAO__PROGRESS_INTERVAL_US)); then
    AKAO__PROGRESS_HELD=$line
  else
    AKAO__PROGRESS_AT=$now AKAO__PROGRESS_HELD=
    akao__event send "$line"
  fi
}

# akao_log LEVEL MESSAGE [FIELDS]: a log line of this call; the level is debug, info, warn or error, FIELDS a JSON object.
akao_log() {
  [[ " debug info warn error " == *" $1 "* ]] || akao_fail internal "unknown level \`$1\`"
  local params
  akao__quote "$2"
  params="{\"id\":$AKAO__ID,\"level\":\"$1\",\"message\":$REPLY,\"fields\":${3:-"{}"}}"
  akao__event send "{\"jsonrpc\":\"2.0\",\"method\":\"\$/log\",\"params\":$params}"
}

# akao_cancelled: whether the host no longer wants the result, or the process that would send it is gone.
akao_cancelled() { [[ -e $AKAO__CALL.cancelled ]] || ! kill -0 "$$" 2>/dev/null; }

# akao_check_cancelled: ends the call where the host no longer wants the result.
akao_check_cancelled() { ! akao_cancelled || akao_fail cancelled "cancelled by the host"; }

# akao_output STREAM [TEXT]: sends text, or else what comes from standard input, waiting for the host's credit.
akao_output() {
  local LC_ALL=C stream=$1 text at=0 end line
  if (($# > 1)); then text=$2; else text=$(cat && printf x) text=${text%x}; fi
  [[ $stream =~ ^[A-Za-z0-9_.-]+$ ]] || akao_fail input "the name of the stream \`$stream\` has other characters than A-Z a-z 0-9 _ . -"
  while ((at < ${#text})); do
    akao__take_credit "$stream" "$at"
    end=$REPLY
    line=$(printf '%s' "${text:at:end-at}" | jq -Rsc --argjson id "$AKAO__ID" --arg stream "$stream" \
      '{jsonrpc: "2.0", method: "$/output", params: {id: $id, stream: $stream, chunk: .}}')
    akao__event send "$line"
    at=$end
  done
}

# akao_secret NAME: prints the value of a secret that the node was granted.
akao_secret() {
  akao__quote "$1"
  akao__ask host.secret "\"name\":$REPLY" -j .value
}

# akao_state_get KEY: prints, as JSON, the value that was kept for this node and tenant, or null.
akao_state_get() {
  akao__quote "$1"
  akao__ask host.state.get "\"key\":$REPLY" -c .value
}

# akao_state_put KEY JSON: keeps a small value for this node and tenant.
akao_state_put() {
  akao__quote "$1"
  akao__ask host.state.put "\"key\":$REPLY,\"value\":$2" empty
}

# akao_blob_put FILE [MEDIA_TYPE]: hands a file of the workspace over and prints the reference, as JSON, that outputs may hold.
akao_blob_put() {
  local inside params
  inside=$(akao__inside "$1")
  akao__quote "$inside"
  params="\"path\":$REPLY"
  if [[ -n ${2-} ]]; then
    akao__quote "$2"
    params+=",\"media_type\":$REPLY"
  fi
  akao__ask host.blob.put "$params" -c .
}

# akao_blob_get REFERENCE FILE: asks for a blob as a file of the workspace and prints the file's full path.
akao_blob_get() {
  local inside
  inside=$(akao__inside "$2")
  akao__quote "$inside"
  akao__ask host.blob.get "\"blob\":$1,\"path\":$REPLY" empty
  printf '%s\n' "$(akao_workspace)/$inside"
}

# akao_workspace: prints the folder of this node's files, which the host sees too.
akao_workspace() { printf '%s' "${AKAO_WORKSPACE:-/workspace}"; }

# ---- What a call is made of. ----

# These leave what they find in REPLY, because a subshell would cost more than all they do.

# Text as JSON; plain text needs no jq. To change the locale for a range of characters would take 10 ms.
akao__quote() {
  if [[ $1 != *[!]"$AKAO__PLAIN"-]* ]]; then REPLY="\"$1\""; else REPLY=$(printf '%s' "$1" | jq -Rs .); fi
}

akao__character_bytes() {
  local LC_ALL=C
  case $1 in
    [$'\xf0'-$'\xff']) REPLY=4 ;;
    [$'\xe0'-$'\xef']) REPLY=3 ;;
    [$'\xc0'-$'\xdf']) REPLY=2 ;;
    *) REPLY=1 ;;
  esac
}

# The number in a file, 0 where there is none.
akao__number() {
  REPLY=0
  [[ ! -e $1 ]] || IFS= read -r REPLY <"$1" || true
}

# Keeps what a call failed with.
akao__failed() { # KIND MESSAGE RETRYABLE DETAIL
  local said=
  # What nobody said is left out, so that the host's default for the kind counts.
  [[ $3 == - ]] || said="\"retryable\":$3,"
  akao__quote "$2"
  printf '{"kind":"%s",%s"message":%s,"detail":%s}' "$1" "$said" "$REPLY" "$4" >"$AKAO__CALL.failure"
}

# A file's path from the workspace.
akao__inside() {
  local root full
  root=$(realpath -ms "$(akao_workspace)")
  full=$(cd "$root" && realpath -ms -- "$1")
  [[ $full == "$root"/* ]] || akao_fail input "the file \`$1\` is not inside the workspace"
  printf '%s' "${full#"$root"/}"
}

# Tells the process that writes to the host. What is too long for one piece travels as a file.
akao__event() {
  # A character has four bytes at most, so short text needs no count of bytes.
  if ((4 * ${#2} <= AKAO__EVENT_BYTES_MAX)) || akao__is_short "$2"; then
    printf '%s\t%s\n' "$1" "$2" >&"$AKAO__EVENTS"
  else
    local file
    file=$(mktemp "$AKAO__DIRECTORY/line.XXXXXXXX")
    printf '%s' "$2" >"$file"
    printf 'file\t%s\t%s\n' "$1" "$file" >&"$AKAO__EVENTS"
  fi
}

akao__is_short() {
  local LC_ALL=C
  ((${#1} <= AKAO__EVENT_BYTES_MAX))
}

# Waits until something may have changed for this call.
akao__wait() {
  local bell
  akao_check_cancelled
  IFS= read -r -t 0.2 bell <&"$AKAO__BELL" || true
  akao_check_cancelled
}

# Waits for credit and leaves the end of the piece of akao_output's text that it was taken for. Processes that write to one
# stream take it one after the other, so that they do not spend it twice: who has read the line from the lock has it.
akao__take_credit() { # STREAM FROM
  local bytes spent credit token
  akao__character_bytes "${text:$2:1}"
  bytes=$REPLY
  while true; do
    akao_check_cancelled
    if IFS= read -r -t 0.2 token <&"$AKAO__LOCK"; then
      akao__number "$AKAO__CALL.spent.$1"
      spent=$REPLY
      akao__number "$AKAO__CALL.credit.$1"
      credit=$((AKAO__CREDIT_BYTES_START + REPLY - spent))
      ((credit < bytes)) || break
      echo >&"$AKAO__LOCK"
      akao__wait
    fi
  done
  ((credit < AKAO__CHUNK_BYTES_MAX)) || credit=$AKAO__CHUNK_BYTES_MAX
  REPLY=$(($2 + credit))
  if ((REPLY >= ${#text})); then
    REPLY=${#text}
  else
    while [[ ${text:REPLY:1} == [$'\x80'-$'\xbf'] ]]; do ((REPLY -= 1)); done
  fi
  printf '%s\n' $((spent + REPLY - $2)) >"$AKAO__CALL.spent.$1"
  echo >&"$AKAO__LOCK"
}

# akao__ask METHOD PARAMS JQ…: asks the host, waits, and prints what jq makes of the result.
akao__ask() {
  local method=$1 params=$2 id failure
  shift 2
  akao_check_cancelled
  # Subshells ask too, so the number of a question comes from the clock and the process.
  id="$AKAO__NUMBER.${EPOCHREALTIME/[.,]/}.$BASHPID"
  akao__event send "{\"jsonrpc\":\"2.0\",\"id\":\"$id\",\"method\":\"$method\",\"params\":{\"id\":$AKAO__ID,$params}}"
  while [[ ! -e $AKAO__DIRECTORY/reply.$id ]]; do akao__wait; done
  failure=$(jq -c --arg method "$method" --arg kinds "$AKAO_KINDS" '.error | select(. != null) | (.data // {}) as $data | {
    kind: ($data.kind as $kind | if $kinds | split(" ") | index([$kind]) then $kind else "internal" end),
    detail: $data.detail, message: ($data.message // .message // "the host refused `\($method)`")}
    + ($data.retryable | if type == "boolean" then {retryable: .} else {} end)' "$AKAO__DIRECTORY/reply.$id")
  if [[ -n $failure ]]; then
    printf '%s' "$failure" >"$AKAO__CALL.failure"
    exit 1
  fi
  jq "${@:1:$#-1}" ".result | ${*: -1}" "$AKAO__DIRECTORY/reply.$id"
  rm -f "$AKAO__DIRECTORY/reply.$id"
}

# Outputs as they go out: checked, on one line.
akao__outputs() {
  jq -cs 'if length != 1 then error("outputs are one JSON document") else .[0] end
    | if type != "object" then error("outputs are an object, this node returned \(type)")
      elif any(.. | numbers; isnan or fabs >= 1.7e308) then error("outputs hold a number that JSON cannot say")
      elif any(.. | numbers; . == floor and fabs > 9007199254740991 and fabs < 1e21) then
        error("outputs hold an integer beyond 2^53, give it as a string")
      else . end'
}

# Runs a node's function once, in a process of its own, under `set -e`. Its standard error is kept for the failure's message.
# Whether it succeeded stands in AKAO__STATUS: as a condition, this function would switch `set -e` off within.
akao__run_once() {
  local place=$1 status=0 last tee
  rm -f "$AKAO__CALL.outputs" "$AKAO__CALL.failure" "$AKAO__CALL.progress"
  # What an earlier item left in the background still writes to the old one.
  [[ ! -e $AKAO__CALL.left ]] || { rm -f "$AKAO__CALL.errors" && mkfifo "$AKAO__CALL.errors"; }
  (exec {AKAO__SOCKET}>&- tee "$AKAO__CALL.stderr" <"$AKAO__CALL.errors" >&2) &
  tee=$!
  (
    trap '[[ -z $AKAO__PROGRESS_HELD ]] || akao__event send "$AKAO__PROGRESS_HELD"' EXIT
    exec {AKAO__SOCKET}>&- 2>"$AKAO__CALL.errors"
    eval "$AKAO__VARIABLES"
    set -e
    "${AKAO__FUNCTIONS[place]}"
  ) </dev/null &
  wait "$!" || status=$?
  akao__wait_for_tee "$tee"
  AKAO__STATUS=1
  if ((status != 0)); then
    if [[ ! -e $AKAO__CALL.failure ]]; then
      last=$(tail -n 1 "$AKAO__CALL.stderr" | tr -d '\0' | cut -c 1-1000)
      akao__failed internal "ended with status $status${last:+: $last}" - "{\"status\":$status}"
    fi
    return
  fi
  [[ -e $AKAO__CALL.outputs ]] || printf '{}' >"$AKAO__CALL.outputs"
  if ! AKAO__OUTPUTS=$(akao__outputs <"$AKAO__CALL.outputs" 2>"$AKAO__CALL.wrong"); then
    last=$(<"$AKAO__CALL.wrong")
    akao__failed internal "${last##*): }" - null
    return
  fi
  AKAO__STATUS=0
}

# Waits until standard error was read. A process that the function left in the background may hold it open as long as it
# likes, so this does not take longer than the reading may; the session ends what is left.
akao__wait_for_tee() { # PID
  local until=$((${EPOCHREALTIME/[.,]/} + AKAO__TEE_US_MAX)) bell
  while kill -0 "$1" 2>/dev/null; do
    if ((${EPOCHREALTIME/[.,]/} > until)); then
      echo "$1" >"$AKAO__CALL.left"
      return
    fi
    IFS= read -r -t 0.002 bell <&"$AKAO__BELL" || true
  done
}

akao__run_items() {
  local place=$1 what first second results=
  AKAO__STATUS=1
  while IFS=$'\t' read -r what first second; do
    if akao_cancelled; then
      akao__failed cancelled "cancelled by the host" - null
      AKAO__STATUS=1
      return
    fi
    results+=${results:+,}
    AKAO_PARAMETERS=$first AKAO__VARIABLES=$second
    if [[ $what == run ]]; then akao__run_once "$place" </dev/null; fi
    if [[ $what == run && $AKAO__STATUS == 0 ]]; then
      results+="{\"success\":true,\"outputs\":$AKAO__OUTPUTS}"
    else
      [[ $what != run ]] || first=$(<"$AKAO__CALL.failure")
      results+="{\"success\":false,\"outputs\":{},\"error\":$first}"
    fi
  done < <(jq -r '.[] | if .error then "wrong\t\(.error | tojson)" else "run\t\(.parameters | tojson)\t\(.variables)" end' \
    <<<"$AKAO_PARAMETERS")
  AKAO__STATUS=0
  AKAO__OUTPUTS="{\"\$items\":[$results]}"
}

# One call, in the background: runs the function and tells its one result.
akao__work() {
  local kind=$1 place=$2 started=${EPOCHREALTIME/[.,]/} took result size
  AKAO__PROGRESS_AT=0 AKAO__PROGRESS_HELD=
  # Long parameters come without their variables, because lines are read byte by byte.
  [[ $kind == batch || -n $AKAO__VARIABLES || $AKAO_PARAMETERS == '{}' ]] \
    || AKAO__VARIABLES=$(jq -r "$AKAO__VARIABLES_JQ variables" <<<"$AKAO_PARAMETERS")
  if [[ $kind == execute ]]; then akao__run_once "$place"; else akao__run_items "$place"; fi
  if ((AKAO__STATUS == 0)); then
    result="\"success\":true,\"outputs\":$AKAO__OUTPUTS"
  else
    result="\"success\":false,\"outputs\":{},\"error\":$(<"$AKAO__CALL.failure")"
  fi
  took=$((${EPOCHREALTIME/[.,]/} - started))
  printf -v took '%d.%03d' $((took / 1000)) $((took % 1000))
  local LC_ALL=C
  size=$((${#result} + ${#AKAO__ID} + 100))
  if ((size > AKAO__MESSAGE_BYTES_MAX)); then
    result="\"success\":false,\"outputs\":{},\"error\":{\"kind\":\"resource\",\"message\":\"the answer of $size"
    result+=" bytes is over the bound of $AKAO__MESSAGE_BYTES_MAX, write it to a file of the workspace and give its blob\",\"detail\":null}"
  fi
  akao__event "result" "$AKAO__NUMBER {\"jsonrpc\":\"2.0\",\"id\":$AKAO__ID,\"result\":{$result,\"metadata\":{\"execution_time\":$took}}}"
}

# shellcheck source=session.sh
source "$AKAO__HOME/session.sh"
