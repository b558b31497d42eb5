# shellcheck shell=bash
# One conversation with the host: the process that reads events, starts calls and writes to the host. Sourced by akao.sh.

# akao_serve ID VERSION: answers the host with the nodes that were declared, then ends the process. Started by hand, it says
# so and ends with 2.
akao_serve() {
  local descriptor=${AKAO_RPC_FD:-}
  unset AKAO_RPC_FD
  if [[ ! $descriptor =~ ^[0-9]+$ || ! -S /proc/self/fd/$descriptor ]]; then
    cat >&2 <<'TEXT'
This program is a node of Akao and speaks with Akao over descriptor 3, which is not there.

Start it with `akao node run DIR`, or test it with `akao node test DIR`.
TEXT
    exit 2
  fi
  # A high descriptor, so that programs which a node starts find nothing at 3.
  eval "exec {AKAO__SOCKET}<&$descriptor $descriptor>&-"
  akao__serve_on "$AKAO__SOCKET" "$1" "${2:-0.0.0}"
}

# Answers on a descriptor; what it reads from is another one in tests.
akao__serve_on() {
  AKAO__SOCKET=$1
  AKAO__READ=${AKAO__READ:-$1}
  # This process takes text as bytes, which is quicker; the work gets the locale that was there.
  AKAO__LOCALE=${LC_ALL-}
  local LC_ALL=C
  AKAO__DIRECTORY=$(mktemp -d)
  mkfifo "$AKAO__DIRECTORY/events" "$AKAO__DIRECTORY/last"
  exec {AKAO__EVENTS}<>"$AKAO__DIRECTORY/events"
  declare -gA AKAO__JOBS=() AKAO__PIDS=() AKAO__BELLS=() AKAO__LEFT=() AKAO__NUMBERS=()
  AKAO__QUEUE=() AKAO__RUNNING=0 AKAO__CONCURRENCY=1 AKAO__READY= AKAO__TENANT=null AKAO__STOP_ID= AKAO__STOPPING= AKAO__COUNT=0
  trap akao__clean EXIT
  trap 'exit 143' TERM
  # The host is gone.
  trap 'exit 0' PIPE
  set -m
  akao__listen "$2" "$3" </dev/null &
  AKAO__LISTENER=$!
  # Nobody wants to read in the log that it was ended.
  disown
  set +m
  local event kind rest file
  while IFS= read -r event <&"$AKAO__EVENTS"; do
    kind=${event%%$'\t'*} rest=${event#*$'\t'}
    if [[ $kind == file ]]; then
      kind=${rest%%$'\t'*} file=${rest#*$'\t'}
      rest=$(<"$file")
      rm -f "$file"
    fi
    akao__handle "$kind" "$rest"
  done
}

# Ends what is still running and removes the files.
akao__clean() {
  local pid tee
  trap - EXIT
  for pid in "${!AKAO__LEFT[@]}"; do
    tee=${AKAO__LEFT[$pid]}
    # The number may be another process's by now; ours names the folder.
    if [[ -e /proc/$tee/cmdline && $(tr '\0' ' ' <"/proc/$tee/cmdline") == *"$AKAO__DIRECTORY/"* ]]; then
      kill -KILL -- "-$pid" 2>/dev/null
    fi
  done
  for pid in "${AKAO__PIDS[@]}" "$AKAO__LISTENER"; do kill -KILL -- "-$pid" 2>/dev/null; done
  rm -rf "$AKAO__DIRECTORY"
}

# Reads the host's messages through jq; the last byte tells whether the last message was whole.
akao__listen() {
  local LC_ALL=C line nodes last
  nodes=$(IFS=,; printf '[%s]' "${AKAO__DECLARATIONS[*]}")
  tail -c 1 <"$AKAO__DIRECTORY/last" >"$AKAO__DIRECTORY/last-byte" &
  last=$!
  # jq needs the locale of UTF-8 for nothing: it reads UTF-8 always.
  tee "$AKAO__DIRECTORY/last" <&"$AKAO__READ" \
    | jq -Rr --unbuffered --arg package "$1" --arg version "$2" --argjson nodes "$nodes" \
      "$AKAO__VARIABLES_JQ $(<"$AKAO__HOME/dispatch.jq")" \
    | while IFS= read -r line; do akao__event host "$line"; done
  wait "$last"
  if [[ -s $AKAO__DIRECTORY/last-byte && -n $(<"$AKAO__DIRECTORY/last-byte") ]]; then
    akao__event end middle
  else
    akao__event end whole
  fi
}

akao__send() { printf '%s\n' "$1" >&"$AKAO__SOCKET"; }

akao__handle() {
  case $1 in
    host) akao__host "${2%%$'\t'*}" "${2#*$'\t'}" ;;
    send) akao__send "$2" ;;
    result) akao__ended "${2%% *}" "${2#* }" ;;
    end) akao__end_of_input "$2" ;;
    grace)
      akao__cancel_all
      (sleep 1 && akao__event last '') &
      ;;
    last) akao__stopped ;;
  esac
}

# What dispatch.jq made of a message.
akao__host() {
  local first=${2%%$'\t'*} rest=${2#*$'\t'}
  case $1 in
    answer) akao__send "$2" ;;
    ready)
      # The tenant holds as long as the process lives, so that calls need not name it.
      [[ -n $AKAO__READY ]] || AKAO__CONCURRENCY=$first AKAO__TENANT=${rest%%$'\t'*}
      AKAO__READY=1
      akao__send "${rest#*$'\t'}"
      ;;
    disagree)
      akao__send "$2"
      echo "akao: no protocol in common with the host" >&2
      exit 1
      ;;
    too-long)
      akao__send "$2"
      exit 1
      ;;
    request)
      if [[ -n $AKAO__READY ]]; then akao__host "${rest%%$'\t'*}" "${rest#*$'\t'}"; else akao__send "$first"; fi
      ;;
    execute | batch) akao__accept "$1" "$first" "$rest" ;;
    health) akao__send "{\"jsonrpc\":\"2.0\",\"id\":$2,\"result\":{\"status\":\"healthy\",\"detail\":\"${#AKAO__NUMBERS[@]} running\"}}" ;;
    shutdown) akao__shutdown "$first" "$rest" ;;
    cancel) akao__cancel "$2" ;;
    credit) akao__credit "$first" "${rest%%$'\t'*}" "${rest#*$'\t'}" ;;
    reply) akao__reply "$first" "$rest" ;;
  esac
}

akao__refuse() { # ID CODE KIND RETRYABLE MESSAGE
  local data="{\"kind\":\"$3\",\"retryable\":$4,\"message\":\"$5\",\"detail\":null}"
  akao__send "{\"jsonrpc\":\"2.0\",\"id\":$1,\"error\":{\"code\":$2,\"message\":\"$5\",\"data\":$data}}"
}

akao__accept() { # KIND ID JOB
  if [[ -n $AKAO__STOPPING ]]; then
    akao__refuse "$2" -1005 connection true "the node is shutting down"
  elif [[ -n ${AKAO__NUMBERS[$2]:-} ]]; then
    akao__refuse "$2" -32600 protocol false "the id is in use"
  else
    ((AKAO__COUNT += 1))
    AKAO__NUMBERS[$2]=$AKAO__COUNT
    AKAO__JOBS[$AKAO__COUNT]="$1"$'\t'"$2"$'\t'"$3"
    AKAO__QUEUE+=("$AKAO__COUNT")
    akao__start_next
  fi
}

akao__start_next() {
  local number
  while ((AKAO__RUNNING < AKAO__CONCURRENCY && ${#AKAO__QUEUE[@]} > 0)); do
    number=${AKAO__QUEUE[0]}
    AKAO__QUEUE=("${AKAO__QUEUE[@]:1}")
    ((AKAO__RUNNING += 1))
    akao__start "$number"
  done
}

# Starts a call in a process group of its own, so that all of it can be ended.
akao__start() {
  local number=$1 job=${AKAO__JOBS[$1]} kind id place context_bytes parameters_bytes bell lock
  kind=${job%%$'\t'*} job=${job#*$'\t'}
  id=${job%%$'\t'*} job=${job#*$'\t'}
  place=${job%%$'\t'*} job=${job#*$'\t'}
  context_bytes=${job%%$'\t'*} job=${job#*$'\t'}
  parameters_bytes=${job%%$'\t'*} job=${job#*$'\t'}
  unset "AKAO__JOBS[$number]"
  mkfifo "$AKAO__DIRECTORY/$number.bell" "$AKAO__DIRECTORY/$number.lock" "$AKAO__DIRECTORY/$number.errors"
  exec {bell}<>"$AKAO__DIRECTORY/$number.bell" {lock}<>"$AKAO__DIRECTORY/$number.lock"
  echo >&"$lock"
  AKAO__BELLS[$number]=$bell
  set -m
  (
    set +m
    trap - EXIT TERM PIPE
    AKAO__NUMBER=$number AKAO__ID=$id AKAO__CALL=$AKAO__DIRECTORY/$number AKAO__BELL=$bell AKAO__LOCK=$lock
    AKAO_CONTEXT=${job:0:context_bytes} AKAO_PARAMETERS=${job:context_bytes:parameters_bytes}
    AKAO__VARIABLES=${job:context_bytes+parameters_bytes}
    unset LC_ALL job
    [[ -z ${AKAO__LOCALE-} ]] || LC_ALL=$AKAO__LOCALE
    akao__work "$kind" "$place"
  ) </dev/null &
  AKAO__PIDS[$number]=$!
  disown
  set +m
  # The call has it, with what was written.
  exec {lock}>&-
}

akao__ended() { # NUMBER LINE
  local id bell=${AKAO__BELLS[$1]:-}
  akao__send "$2"
  for id in "${!AKAO__NUMBERS[@]}"; do
    [[ ${AKAO__NUMBERS[$id]} != "$1" ]] || unset 'AKAO__NUMBERS[$id]'
  done
  [[ ! -e $AKAO__DIRECTORY/$1.left ]] || AKAO__LEFT[${AKAO__PIDS[$1]}]=$(<"$AKAO__DIRECTORY/$1.left")
  unset "AKAO__PIDS[$1]" "AKAO__BELLS[$1]"
  [[ -z $bell ]] || exec {bell}>&-
  rm -f "$AKAO__DIRECTORY/$1".*
  ((AKAO__RUNNING -= 1))
  akao__start_next
  [[ -z $AKAO__STOPPING || ${#AKAO__NUMBERS[@]} -gt 0 ]] || akao__stopped
}

# Wakes a call up. One bell is enough; more could fill the FIFO.
akao__ring() {
  local bell=${AKAO__BELLS[$1]:-}
  [[ -z $bell ]] || read -r -t 0 <&"$bell" || echo >&"$bell"
}

akao__cancel() { # ID
  local number=${AKAO__NUMBERS[$1]:-} index
  [[ -n $number ]] || return 0
  if [[ -n ${AKAO__JOBS[$number]:-} ]]; then
    for index in "${!AKAO__QUEUE[@]}"; do
      [[ ${AKAO__QUEUE[index]} != "$number" ]] || unset "AKAO__QUEUE[$index]"
    done
    AKAO__QUEUE=("${AKAO__QUEUE[@]}")
    # In single quotes, so that quotation marks in an id are part of the key.
    unset "AKAO__JOBS[$number]" 'AKAO__NUMBERS[$1]'
    local error='{"kind":"cancelled","message":"cancelled by the host","detail":null}'
    akao__send "{\"jsonrpc\":\"2.0\",\"id\":$1,\"result\":{\"success\":false,\"outputs\":{},\"error\":$error,\"metadata\":{\"execution_time\":0}}}"
  else
    : >"$AKAO__DIRECTORY/$number.cancelled"
    akao__ring "$number"
  fi
}

akao__cancel_all() {
  local id
  for id in "${!AKAO__NUMBERS[@]}"; do akao__cancel "$id"; done
}

akao__credit() { # ID BYTES STREAM
  local number=${AKAO__NUMBERS[$1]:-} stream=${3//\"/} file
  [[ -n $number && $stream =~ ^[A-Za-z0-9_.-]+$ ]] || return 0
  file=$AKAO__DIRECTORY/$number.credit.$stream
  akao__number "$file"
  printf '%s\n' $((REPLY + $2)) >"$file.new"
  mv "$file.new" "$file"
  akao__ring "$number"
}

akao__reply() { # ID MESSAGE
  local id=${1//\"/}
  [[ $id =~ ^[0-9]+\.[0-9]+\.[0-9]+$ && -n ${AKAO__PIDS[${id%%.*}]:-} ]] || return 0
  printf '%s' "$2" >"$AKAO__DIRECTORY/new-reply"
  mv "$AKAO__DIRECTORY/new-reply" "$AKAO__DIRECTORY/reply.$id"
  akao__ring "${id%%.*}"
}

akao__shutdown() { # ID GRACE_MS
  [[ -z $AKAO__STOPPING ]] || return 0
  AKAO__STOPPING=1 AKAO__STOP_ID=$1
  if ((${#AKAO__NUMBERS[@]} == 0)); then akao__stopped; fi
  (sleep "$(($2 / 1000)).$(printf '%03d' $(($2 % 1000)))" && akao__event grace '') &
}

akao__stopped() {
  akao__send "{\"jsonrpc\":\"2.0\",\"id\":$AKAO__STOP_ID,\"result\":{}}"
  exit 0
}

akao__end_of_input() {
  if [[ $1 == middle ]]; then
    echo "akao: the host closed in the middle of a message" >&2
    exit 1
  fi
  exit 0
}
