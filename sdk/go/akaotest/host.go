// Package akaotest is a host for tests: it runs nodes in this process, with the protocol and without Akao.
package akaotest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	akao "github.com/akaoio/akao/sdk/go"
)

// Progress is one report of how far the work is; nobody knows where the fraction is nil.
type Progress struct {
	Fraction *float64 `json:"fraction"`
	Message  string   `json:"message"`
}

// Log is one log line.
type Log struct {
	Level   string         `json:"level"`
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields"`
}

// Result is what one call answered and reported.
type Result struct {
	Success  bool           `json:"success"`
	Outputs  map[string]any `json:"outputs"`
	Error    *akao.Failure  `json:"error"`
	Progress []Progress
	Logs     []Log
	Output   map[string]string
}

// Host runs nodes as Akao does: it asks, answers what they ask for, and keeps what they report.
type Host struct {
	// Secrets that are granted; others are refused with kind permission.
	Secrets map[string]string
	// State is what nodes read and change.
	State map[string]json.RawMessage
	// CancelAtProgress cancels a call as soon as it reports progress.
	CancelAtProgress bool

	t          testing.TB
	connection net.Conn
	lines      *bufio.Reader
	workspace  string
	blobs      map[string][]byte
	ids        int
}

type object = map[string]any

type message struct {
	ID     *string         `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// New starts the nodes; they end with the test.
func New(t testing.TB, nodes ...*akao.Node) *Host {
	ours, theirs := net.Pipe()
	host := &Host{
		Secrets: map[string]string{}, State: map[string]json.RawMessage{}, t: t, connection: ours,
		lines: bufio.NewReaderSize(ours, 1<<16), workspace: t.TempDir(), blobs: map[string][]byte{},
	}
	t.Setenv("AKAO_WORKSPACE", host.workspace)
	ended := make(chan struct{})
	go func() {
		akao.ServeOn(theirs, akao.Package{}, nodes...)
		close(ended)
	}()
	t.Cleanup(func() {
		ours.Close()
		<-ended
	})
	host.request("node.info", object{"protocol": []int{1}, "host": "akaotest", "limits": object{}}, &Result{})
	return host
}

// Execute runs a node once; parameters are anything that encoding/json writes as an object.
func (h *Host) Execute(nodeID string, parameters any) *Result {
	h.t.Helper()
	context := object{
		"node_id": nodeID, "workflow_id": "test", "execution_id": "test", "step": "/0", "attempt": 1,
		"idempotency_key": "test", "tenant": "test", "deadline": nil, "trace": nil,
	}
	result := &Result{Output: map[string]string{}}
	answer := h.request("node.execute", object{"context": context, "parameters": parameters}, result)
	h.must(json.Unmarshal(answer, result))
	return result
}

// Validate gives the problems that a node finds in parameters.
func (h *Host) Validate(nodeID string, parameters any) []akao.Problem {
	h.t.Helper()
	var answer struct{ Problems []akao.Problem }
	h.must(json.Unmarshal(h.request("node.validate", object{"node": nodeID, "parameters": parameters}, &Result{}), &answer))
	return answer.Problems
}

// ValidateError is why a node's check of parameters failed itself.
func (h *Host) ValidateError(nodeID string, parameters any) error {
	h.t.Helper()
	_, err := h.ask("node.validate", object{"node": nodeID, "parameters": parameters}, &Result{})
	return err
}

// Health gives the nodes' word on their health.
func (h *Host) Health() akao.Health {
	h.t.Helper()
	var answer akao.Health
	h.must(json.Unmarshal(h.request("node.health", object{}, &Result{}), &answer))
	return answer
}

func (h *Host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// send writes beside the reading, because a pipe in memory holds nothing.
func (h *Host) send(message object) {
	message["jsonrpc"] = "2.0"
	line, err := json.Marshal(message)
	h.must(err)
	go func() { _, _ = h.connection.Write(append(line, '\n')) }()
}

func (h *Host) request(method string, params object, reports *Result) json.RawMessage {
	h.t.Helper()
	answer, err := h.ask(method, params, reports)
	if err != nil {
		h.t.Fatalf("%s: %v", method, err)
	}
	return answer
}

func (h *Host) ask(method string, params object, reports *Result) (json.RawMessage, error) {
	h.t.Helper()
	h.ids++
	h.send(object{"id": fmt.Sprintf("t%d", h.ids), "method": method, "params": params})
	for {
		line, err := h.lines.ReadBytes('\n')
		h.must(err)
		var received message
		h.must(json.Unmarshal(line, &received))
		switch {
		case received.Method == "" && received.Error != nil:
			var wrong struct{ Message string }
			h.must(json.Unmarshal(received.Error, &wrong))
			return nil, errors.New(wrong.Message)
		case received.Method == "":
			return received.Result, nil
		case received.ID != nil:
			answer := h.answer(received.Method, received.Params)
			answer["id"] = *received.ID
			h.send(answer)
		default:
			h.report(received.Method, received.Params, reports)
		}
	}
}

func (h *Host) report(method string, data json.RawMessage, reports *Result) {
	var call struct{ ID, Stream, Chunk string }
	h.must(json.Unmarshal(data, &call))
	switch method {
	case "$/progress":
		var progress Progress
		h.must(json.Unmarshal(data, &progress))
		reports.Progress = append(reports.Progress, progress)
		if h.CancelAtProgress {
			h.send(object{"method": "$/cancel", "params": object{"id": call.ID}})
		}
	case "$/log":
		var log Log
		h.must(json.Unmarshal(data, &log))
		reports.Logs = append(reports.Logs, log)
	case "$/output":
		reports.Output[call.Stream] += call.Chunk
		h.send(object{"method": "$/credit", "params": object{"id": call.ID, "stream": call.Stream, "bytes": len(call.Chunk)}})
	}
}

func (h *Host) answer(method string, data json.RawMessage) object {
	var params struct {
		Name, Key, Path string
		Value           json.RawMessage
		MediaType       string `json:"media_type"`
		Blob            struct {
			ID string `json:"$blob"`
		}
	}
	h.must(json.Unmarshal(data, &params))
	file := filepath.Join(h.workspace, params.Path)
	switch method {
	case "host.secret":
		if value, isGranted := h.Secrets[params.Name]; isGranted {
			return object{"result": object{"value": value}}
		}
		return denied(akao.Permission, "secret `"+params.Name+"` was not granted")
	case "host.state.get":
		return object{"result": object{"value": h.State[params.Key]}}
	case "host.state.put":
		h.State[params.Key] = params.Value
		return object{"result": object{}}
	case "host.blob.put":
		content, err := os.ReadFile(file)
		if err != nil {
			return denied(akao.NotFound, err.Error())
		}
		id := fmt.Sprintf("test:%d", len(h.blobs)+1)
		h.blobs[id] = content
		if params.MediaType == "" {
			params.MediaType = "application/octet-stream"
		}
		return object{"result": object{"$blob": id, "bytes": len(content), "media_type": params.MediaType}}
	case "host.blob.get":
		content, isThere := h.blobs[params.Blob.ID]
		if !isThere {
			return denied(akao.NotFound, "no such blob")
		}
		h.must(os.WriteFile(file, content, 0o600))
		return object{"result": object{"path": params.Path}}
	}
	return denied(akao.Protocol, "unknown method `"+method+"`")
}

func denied(kind akao.Kind, text string) object {
	data := object{"kind": kind, "retryable": false, "message": text, "detail": nil}
	return object{"error": object{"code": -1001, "message": text, "data": data}}
}
