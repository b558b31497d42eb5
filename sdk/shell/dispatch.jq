# Turns each line of the host into one line for akao.sh: words separated by tabs, the first says what to do. JSON within a
# line holds no tabs, because tabs in strings are written as escapes.
#
# akao.sh puts `variables` before this text: assignments for bash, one for each input.
# jq takes more than JSON allows: equal keys, NaN, any depth up to its own. Those are looked for here.

def bytes_max: 1048576;
def depth_max: 64;
def integer_max: 9007199254740991;

# The text outside of strings. Escapes are taken out first, so that every quotation mark left opens or closes a string.
def outside: split("\\\\") | join("") | split("\\\"") | join("") | split("\"") | [.[range(0; length; 2)]] | join("");

def count($text): [split($text) | length - 1, 0] | max;

def depth: if type == "object" or type == "array" then 1 + ([.[] | depth] | max // 0) else 0 end;

def fault($id; $code; $kind; $retryable; $message):
  "answer\t" + ({jsonrpc: "2.0", id: $id, error: {
    code: $code, message: $message, data: {kind: $kind, retryable: $retryable, message: $message, detail: null}}} | tojson);

def refused($message): fault(null; -32700; "protocol"; false; "not a JSON document: " + $message);

def result($id; $value): "answer\t" + ({jsonrpc: "2.0", id: $id, result: $value} | tojson);

def failed($id; $error): result($id; {success: false, outputs: {}, error: $error, metadata: {execution_time: 0}});

def pointer: "/" + (split("~") | join("~0") | split("/") | join("~1"));

def problem($name; $message): {path: ($name | pointer), message: $message, suggestion: null};

def type_name: if type == "number" and . == floor then "integer" else type end;

def mismatch($schema):
  . as $value | type_name as $found
  | if ($schema.type // $found) != $found and ($schema.type == "number" and $found == "integer" | not) then
      "expected \($schema.type), found \($found)"
    elif $found == "integer" and ($value | fabs) > integer_max then "is beyond 2^53, send it as a string"
    elif $schema.enum and ($schema.enum | index([$value]) | not) then
      "is none of " + ([$schema.enum[] | tostring] | join(", "))
    else null end;

# What is wrong with parameters, in their order, then what is missing.
def problems($inputs):
  . as $parameters
  | [ (keys_unsorted[] as $name
        | if $inputs | has($name) then
            ($parameters[$name] | mismatch($inputs[$name])) | select(. != null) | problem($name; .)
          else
            problem($name; "is not an input of this node")
            | .suggestion = "Known inputs: " + (if $inputs == {} then "none" else [$inputs | keys_unsorted[]] | join(", ") end) + "."
          end),
      ($inputs | keys_unsorted[] as $name | select(.[$name].required)
        | select($parameters | has($name) | not) | problem($name; "is required")) ];

def filled($inputs):
  ($inputs | with_entries(select(.value | has("default")) | .value |= .default)) as $defaults
  | reduce ($defaults | keys_unsorted[]) as $name (.; if has($name) then . else .[$name] = $defaults[$name] end);

def unfit($found): {kind: "input", message: "\($found[0].path) \($found[0].message)", detail: {problems: $found}};

# A node's place among all, by its id.
def place($id): [$nodes[].id] | index([$id]);

def node_or_fault($request; $id; what):
  (if $id == null and ($nodes | length) == 1 then 0 elif ($id | type) == "string" then place($id) else null end) as $place
  | if $place == null then
      fault($request; -32602; "not_found"; false; "unknown node `\($id)`, this package holds " + ([$nodes[].id] | join(", ")))
    else $place | what end;

# Long fields come last, with their lengths before them: looking for a tab far away takes bash minutes.
def job($kind; $id; $place; $context; $parameters; $variables):
  ($context | tojson) as $context
  | [$kind, ($id | tojson), $place, ($context | utf8bytelength), ($parameters | utf8bytelength)] | map(tostring) | join("\t")
  | . + "\t" + $context + $parameters + $variables;

def execute($id; $params):
  ($params.context | type) as $context | ($params.parameters | type) as $parameters
  | if $context != "object" or $parameters != "object" then
      fault($id; -32602; "protocol"; false; "context and parameters are objects")
    else node_or_fault($id; $params.context.node_id; . as $place | $nodes[$place] as $node
      # The host leaves it out where the package has one node.
      | ($params.context + {node_id: $node.id}) as $context | $params.parameters
      | if has("$items") then
          if ($node.batch | not) then
            failed($id; {kind: "input", message: "`\($node.id)` takes no batch of items", detail: null})
          elif (.["$items"] | type) != "array" or length != 1 then
            failed($id; {kind: "input", message: "$items is one list", detail: null})
          else
            [.["$items"][] | if type != "object" then
                {error: {kind: "input", message: "an item is an object", detail: null}}
              else . as $item | problems($node.inputs) | if . == [] then
                ($item | filled($node.inputs)) | {parameters: ., variables: variables}
                else {error: unfit(.)} end end]
            | job("batch"; $id; $place; $context; tojson; "")
          end
        else
          . as $given | problems($node.inputs)
          | if . == [] then
              ($given | filled($node.inputs))
              | job("execute"; $id; $place; $context; tojson; if ($params.parameters | tojson | length) > 65536 then "" else variables end)
            else failed($id; unfit(.)) end
        end) end;

def validate($id; $params):
  node_or_fault($id; $params.node; . as $place
    | if ($params.parameters | type) != "object" then fault($id; -32602; "protocol"; false; "parameters are an object")
      else $params.parameters | problems($nodes[$place].inputs) | result($id; {valid: (. == []), problems: .}) end);

def info($id; $params):
  if ($params.protocol | type) == "array" and ($params.protocol | index([1])) != null then
    (($params.limits | objects | .concurrency | numbers) // 1) as $concurrency
    | "ready\t\($concurrency)\t\($params.tenant | tojson)\t" + ({jsonrpc: "2.0", id: $id, result: {
        protocol: 1, id: $package, version: $version, sdk: "akao-shell/0.1.0", nodes: $nodes, limits: {context: ["key"]}}} | tojson)
  else
    "disagree\t" + (fault($id; -1000; "protocol"; false;
      "no protocol in common: the host speaks \($params.protocol | tojson), this node speaks 1") | split("\t")[1])
  end;

def request($id; $method; $params):
  if $method == "node.info" then info($id; $params)
  elif any("node.execute", "node.validate", "node.health", "node.shutdown"; . == $method) | not then
    fault($id; -32601; "protocol"; false; "unknown method `\($method)`")
  # What needs a handshake first carries the answer for the case that there was none.
  else
    (fault($id; -1000; "protocol"; false; "`\($method)` came before `node.info`") | split("\t")[1]) as $early
    | "request\t\($early)\t" + (
        if $method == "node.execute" then execute($id; $params)
        elif $method == "node.validate" then validate($id; $params)
        elif $method == "node.health" then "health\t\($id | tojson)"
        else "shutdown\t\($id | tojson)\t\(($params.grace | numbers) // 2000 | floor)" end)
  end;

def notification($method; $params):
  if ($params | type) != "object" or ($params.id | type) != "string" then empty
  elif $method == "$/cancel" then "cancel\t\($params.id | tojson)"
  elif $method == "$/credit" and ($params.bytes | type) == "number" and $params.bytes > 0 and ($params.stream | type) == "string" then
    "credit\t\($params.id | tojson)\t\($params.bytes | floor)\t\($params.stream | tojson)"
  else empty end;

def message:
  if has("method") | not then
    if (.id | type) == "string" then "reply\t\(.id | tojson)\t\(tojson)" else empty end
  else
    (if has("params") then .params else {} end) as $params
    | if has("id") | not then notification(.method; $params)
      elif (.id | type) != "string" then fault(null; -32600; "protocol"; false; "a request has a string as id")
      elif .jsonrpc != "2.0" or (.method | type) != "string" then
        fault(.id; -32600; "protocol"; false; "a request has jsonrpc 2.0 and a method")
      elif ($params | type) != "object" then fault(.id; -32602; "protocol"; false; "params are an object")
      else request(.id; .method; $params) end
  end;

def checked($text):
  ($text | outside) as $outside
  | if $outside | test("[^][{}:,0-9+.eE \\t\\rtruflasn-]") then refused("no value")
    else ($text | try {value: fromjson} catch {error: .}) as $parsed
    | if $parsed.error then refused($parsed.error | .[0:200])
      else $parsed.value
        | if ($outside | count(":")) != ([.. | objects | length] | add // 0) then refused("a key stands twice")
          elif ($outside | count("[") + count("{")) > depth_max and depth > depth_max then
            refused("nested deeper than \(depth_max)")
          elif type != "object" then fault(null; -32600; "protocol"; false; "a message is an object")
          else message end
      end end;

# jq puts this character where bytes are not UTF-8. A message that holds it has lost something, here or before.
if test("\ufffd") then refused("not UTF-8")
elif utf8bytelength > bytes_max then
  "too-long\t" + (fault(null; -32600; "protocol"; false; "a message is longer than \(bytes_max) bytes") | split("\t")[1])
elif test("^[ \\t\\r]*$") then empty
else . as $text | checked($text) end
