package akao

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Schema says what an input may be.
type Schema struct {
	Type     string          `json:"type,omitempty"`
	Required bool            `json:"required,omitempty"`
	Default  json.RawMessage `json:"default,omitempty"`
	Enum     []string        `json:"enum,omitempty"`
}

// Problem is something that is wrong with parameters.
type Problem struct {
	Path       string  `json:"path"`
	Message    string  `json:"message"`
	Suggestion *string `json:"suggestion"`
}

// Health is a node's own word on its health: healthy, degraded or unhealthy.
type Health struct {
	Status string `json:"status"`
	Detail string `json:"detail"`
}

// Node is a node type: its id, its inputs and the work.
type Node struct {
	id       string
	names    []string
	schemas  map[string]Schema
	defaults []byte
	batch    bool
	health   func() Health
	validate func(parameters json.RawMessage) ([]Problem, error)
	run      func(context *Context, parameters json.RawMessage) (any, error)
}

// ID is the node's id.
func (n *Node) ID() string { return n.id }

// Batch lets a call with {"$items": […]} run the work once for each item.
func (n *Node) Batch() *Node {
	n.batch = true
	return n
}

// Health gives the node a word on its own health.
func (n *Node) Health(health func() Health) *Node {
	n.health = health
	return n
}

// NewNode makes a node type of a function.
//
// Inputs are the fields of the struct I, named by their json tags. A field is required unless it is a pointer, has
// omitempty, or has a default in its akao tag: `json:"times" akao:"default=1"`. `akao:"enum=a|b"` lists the choices. Other
// checks go into a method Validate() []akao.Problem of I. Outputs are anything that encoding/json writes as an object.
func NewNode[I any, O any](id string, work func(context *Context, inputs I) (O, error)) *Node {
	node := &Node{id: id, schemas: map[string]Schema{}}
	node.declare(reflect.TypeOf((*I)(nil)).Elem())
	decoded := func(parameters json.RawMessage) (I, error) {
		var inputs I
		if len(node.defaults) > 0 {
			if err := json.Unmarshal(node.defaults, &inputs); err != nil {
				return inputs, Fail(Internal, "the defaults of `%s` do not fit its inputs: %v", id, err)
			}
		}
		decoder := json.NewDecoder(bytes.NewReader(node.normalised(parameters)))
		decoder.UseNumber()
		if err := decoder.Decode(&inputs); err != nil {
			return inputs, Fail(Input, "the parameters do not fit: %v", err)
		}
		return inputs, nil
	}
	node.validate = func(parameters json.RawMessage) ([]Problem, error) {
		inputs, err := decoded(parameters)
		if err != nil {
			return nil, err
		}
		return ownProblems(&inputs), nil
	}
	node.run = func(context *Context, parameters json.RawMessage) (any, error) {
		inputs, err := decoded(parameters)
		if err != nil {
			return nil, err
		}
		if found := ownProblems(&inputs); len(found) > 0 {
			return nil, unfit(found)
		}
		return work(context, inputs)
	}
	return node
}

// ownProblems are those that the inputs find themselves. A pointer has the methods of the value too, so that it does not
// matter which of the two declares Validate.
func ownProblems(inputs any) []Problem {
	if checked, hasCheck := inputs.(interface{ Validate() []Problem }); hasCheck {
		return checked.Validate()
	}
	return nil
}

// declare reads the inputs from the fields of a struct.
func (n *Node) declare(inputs reflect.Type) {
	if inputs.Kind() != reflect.Struct {
		panic(fmt.Sprintf("inputs of `%s` are a struct, not %s", n.id, inputs))
	}
	var defaults []string
	for index := 0; index < inputs.NumField(); index++ {
		field := inputs.Field(index)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || !field.IsExported() {
			continue
		}
		if name == "" {
			name = field.Name
		}
		schema := Schema{Type: typeOf(field.Type)}
		schema.Required = field.Type.Kind() != reflect.Pointer && !strings.Contains(options, "omitempty")
		for _, part := range strings.Split(field.Tag.Get("akao"), ",") {
			word, value, _ := strings.Cut(part, "=")
			switch word {
			case "default":
				schema.Required = false
				schema.Default = literal(schema.Type, value)
				quoted, _ := encode(name)
				defaults = append(defaults, string(quoted)+":"+string(schema.Default))
			case "enum":
				schema.Enum = strings.Split(value, "|")
			}
		}
		n.names = append(n.names, name)
		n.schemas[name] = schema
	}
	if len(defaults) > 0 {
		n.defaults = []byte("{" + strings.Join(defaults, ",") + "}")
	}
}

// literal is a default as JSON: text for strings, and JSON for everything else.
func literal(kind, value string) json.RawMessage {
	if kind == "string" {
		quoted, _ := encode(value)
		return quoted
	}
	return json.RawMessage(value)
}

func typeOf(field reflect.Type) string {
	for field.Kind() == reflect.Pointer {
		field = field.Elem()
	}
	if field == reflect.TypeOf(json.RawMessage(nil)) {
		return ""
	}
	switch field.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	default:
		return ""
	}
}

// problems says what is wrong with parameters.
func (n *Node) problems(parameters json.RawMessage) ([]Problem, error) {
	found := []Problem{}
	values := asObject(parameters)
	for _, name := range keysOf(parameters) {
		schema, isKnown := n.schemas[name]
		if !isKnown {
			known := strings.Join(n.names, ", ")
			if known == "" {
				known = "none"
			}
			found = append(found, problem(name, "is not an input of this node", "Known inputs: "+known+"."))
		} else if message := mismatch(schema, values[name]); message != "" {
			found = append(found, problem(name, message, ""))
		}
	}
	for _, name := range n.names {
		if _, isThere := values[name]; n.schemas[name].Required && !isThere {
			found = append(found, problem(name, "is required", ""))
		}
	}
	return found, nil
}

// allProblems are those of the declaration, and where there are none those of the inputs' own check.
func (n *Node) allProblems(parameters json.RawMessage) ([]Problem, error) {
	found, err := n.problems(parameters)
	if err != nil || len(found) > 0 {
		return found, err
	}
	more, err := n.validate(parameters)
	return append(found, more...), err
}

// execute checks the parameters and works.
func (n *Node) execute(context *Context, parameters json.RawMessage) (any, error) {
	found, err := n.problems(parameters)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		return nil, unfit(found)
	}
	return n.run(context, parameters)
}

func unfit(found []Problem) *Failure {
	failure := Fail(Input, "%s %s", found[0].Path, found[0].Message)
	failure.Detail = map[string]any{"problems": found}
	return failure
}

// normalised writes integers like 1.0 as 1, which encoding/json wants.
func (n *Node) normalised(parameters json.RawMessage) json.RawMessage {
	if !bytes.ContainsAny(parameters, ".eE") {
		return parameters
	}
	values := asObject(parameters)
	changed := false
	for name, value := range values {
		if n.schemas[name].Type == "integer" && bytes.ContainsAny(value, ".eE") {
			var number float64
			if json.Unmarshal(value, &number) == nil {
				values[name] = json.RawMessage(fmt.Sprintf("%.0f", number))
				changed = true
			}
		}
	}
	if !changed {
		return parameters
	}
	data, err := encode(values)
	if err != nil {
		return parameters
	}
	return data
}

func problem(name, message, suggestion string) Problem {
	path := "/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
	if suggestion == "" {
		return Problem{Path: path, Message: message}
	}
	return Problem{Path: path, Message: message, Suggestion: &suggestion}
}

func mismatch(schema Schema, value json.RawMessage) string {
	found := nameOf(value)
	if schema.Type != "" && found != schema.Type && !(schema.Type == "number" && found == "integer") {
		return fmt.Sprintf("expected %s, found %s", schema.Type, found)
	}
	if found == "integer" && isBeyond(string(value)) {
		return "is beyond 2^53, send it as a string"
	}
	if text, isString := asString(value); len(schema.Enum) > 0 && isString {
		for _, choice := range schema.Enum {
			if choice == text {
				return ""
			}
		}
		return "is none of " + strings.Join(schema.Enum, ", ")
	}
	return ""
}

func nameOf(value json.RawMessage) string {
	switch value[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	if isInteger(string(value)) {
		return "integer"
	}
	return "number"
}
