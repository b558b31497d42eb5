# shellcheck shell=bash
# A host for tests: runs the nodes that were declared, with the protocol and without Akao. Source it after akao.sh.

# akao_test ID PARAMETERS: runs a node once and prints, as one JSON object, what it answered and reported: success, outputs,
# error, progress, logs, output. Secrets that are granted are the object in AKAO_TEST_SECRETS, state is the object in the file
# AKAO_TEST_STATE, and with AKAO_TEST_CANCEL=1 the call is cancelled as soon as it reports progress. Files of the node are in
# AKAO_WORKSPACE, or in a folder that goes with the call.
akao_test() (
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  export AKAO_WORKSPACE=${AKAO_WORKSPACE:-$folder}
  state=${AKAO_TEST_STATE:-$folder/state}
  [[ -e $state ]] || echo '{}' >"$state"
  mkfifo "$folder/to-node" "$folder/from-node"
  : >"$folder/reports"
  # The node writes to one FIFO and reads from the other; a socket would be both.
  (
    trap - EXIT
    # What a node prints is a log, and this function prints its answer.
    exec >&2
    exec {AKAO__READ}<"$folder/to-node" {write}>"$folder/from-node"
    akao__serve_on "$write" test 0.0.0
  ) &
  exec {to}>"$folder/to-node" {from}<"$folder/from-node"
  jq -cn '{jsonrpc: "2.0", id: "1", method: "node.info", params: {protocol: [1], limits: {}}}' >&"$to"
  jq -cn --arg id "$1" --argjson parameters "$2" '{jsonrpc: "2.0", id: "2", method: "node.execute", params: {
    parameters: $parameters, context: {node_id: $id, workflow_id: "test", execution_id: "test", step: "/0", attempt: 1,
      idempotency_key: "test", tenant: "test", deadline: null, trace: null}}}' >&"$to"
  while IFS= read -r line <&"$from"; do
    case $(jq -r 'if .method then .method elif .id == "2" then "end" else "" end' <<<"$line") in
      end)
        akao__test_result "$line" "$folder/reports"
        break
        ;;
      host.*) akao__test_answer "$line" "$state" >&"$to" ;;
      \$/progress)
        echo "$line" >>"$folder/reports"
        [[ ${AKAO_TEST_CANCEL:-} != 1 ]] || echo '{"jsonrpc":"2.0","method":"$/cancel","params":{"id":"2"}}' >&"$to"
        ;;
      \$/output)
        echo "$line" >>"$folder/reports"
        jq -c '{jsonrpc: "2.0", method: "$/credit", params: {id: .params.id, stream: .params.stream,
          bytes: (.params.chunk | utf8bytelength)}}' <<<"$line" >&"$to"
        ;;
      \$/*) echo "$line" >>"$folder/reports" ;;
    esac
  done
  exec {to}>&- {from}<&-
  wait
)

akao__test_result() { # LINE REPORTS
  jq -c --slurpfile reports "$2" '.error.message as $wrong | (.result // {success: false, error: {message: $wrong}}) | del(.metadata)
    | .progress = [$reports[] | select(.method == "$/progress").params | del(.id)]
    | .logs = [$reports[] | select(.method == "$/log").params | del(.id)]
    | .output = (reduce ($reports[] | select(.method == "$/output").params) as $part ({}; .[$part.stream] += $part.chunk))' <<<"$1"
}

akao__test_answer() { # LINE STATE
  local secrets=${AKAO_TEST_SECRETS:-'{}'} path changed bytes=0
  path=$AKAO_WORKSPACE/$(jq -r '.params.path // ""' <<<"$1")
  case $(jq -r .method <<<"$1") in
    host.state.put)
      changed=$(jq -c --argjson message "$1" '.[$message.params.key] = $message.params.value' "$2")
      echo "$changed" >"$2"
      ;;
    host.blob.put)
      cp "$path" "$AKAO_WORKSPACE/.blob"
      bytes=$(wc -c <"$path")
      ;;
    host.blob.get) cp "$AKAO_WORKSPACE/.blob" "$path" ;;
  esac
  jq -c --argjson secrets "$secrets" --argjson bytes "$bytes" --slurpfile state "$2" '{jsonrpc: "2.0", id: .id} + (.params as $params | .method as $method
    | if $method == "host.secret" and ($secrets | has($params.name) | not) then
        ("secret `\($params.name)` was not granted") as $message
        | {error: {code: -1001, message: $message, data: {kind: "permission", retryable: false, message: $message, detail: null}}}
      else {result: (
        if $method == "host.secret" then {value: $secrets[$params.name]}
        elif $method == "host.state.get" then {value: $state[0][$params.key]}
        elif $method == "host.blob.put" then
          {"$blob": "test:1", bytes: $bytes, media_type: ($params.media_type // "application/octet-stream")}
        elif $method == "host.blob.get" then {path: $params.path}
        else {} end)} end)' <<<"$1"
}
