#!/usr/bin/env bash
# Greets somebody, as often as wanted.
source "$(dirname "${BASH_SOURCE[0]}")/akao.sh"

greet() {
  local index text=
  [[ -n $input_name ]] || akao_fail input "the name is empty"
  for ((index = 1; index <= input_times; index++)); do
    akao_check_cancelled
    akao_progress "$(jq -n "$index / $input_times")" "greeting $index"
    text+="${text:+, }Hello $input_name"
  done
  akao_log info greeted "$(jq -cn --arg name "$input_name" '{name: $name}')"
  akao_return "$(jq -cn --arg text "$text" '{text: $text}')"
}

akao_node com.example.my-node greet '{"name": {"type": "string", "required": true}, "times": {"type": "integer", "default": 1}}'

if [[ $0 == "${BASH_SOURCE[0]}" ]]; then akao_serve com.example.my-node 1.0.0; fi
