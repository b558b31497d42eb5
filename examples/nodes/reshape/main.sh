#!/usr/bin/env bash
# Makes another shape of a JSON value, by a filter of jq. Whatever a filter can read, the sandbox holds nothing worth it.
source "$(dirname "${BASH_SOURCE[0]}")/akao.sh"

reshape() {
  local answers answer problem
  answers=$(mktemp)
  # From $AKAO_PARAMETERS, because as a variable of bash the value would lose its type.
  if ! problem=$(jq '.value' <<<"$AKAO_PARAMETERS" |
    jq -c --argjson variables "$input_variables" "$input_filter" 2>&1 >"$answers"); then
    rm "$answers"
    akao_fail input "the filter does not work: ${problem%%$'\n'*}"
  fi
  read -r answer <"$answers" || true
  rm "$answers"
  [[ -n $answer ]] || akao_fail input "the filter gives no value"
  akao_return "{\"value\":$answer}"
}

akao_node com.example.reshape reshape '{
  "value": {"required": true},
  "filter": {"type": "string", "required": true},
  "variables": {"type": "object", "default": {}}
}'

if [[ $0 == "${BASH_SOURCE[0]}" ]]; then akao_serve com.example.reshape 1.0.0; fi
