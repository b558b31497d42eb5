// The nodes that the golden transcripts expect, as sdk/conformance/README.md describes them.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	akao "github.com/akaoio/akao/sdk/go"
)

const prefix = "com.example.conformance."

type none struct{}

type outputs = map[string]any

type value struct {
	Value json.RawMessage `json:"value"`
}

type typed struct {
	Text    string         `json:"text"`
	Count   int            `json:"count" akao:"default=1"`
	Ratio   *float64       `json:"ratio,omitempty"`
	Flag    *bool          `json:"flag,omitempty"`
	Items   []any          `json:"items,omitempty"`
	Options map[string]any `json:"options,omitempty"`
	Choice  *string        `json:"choice,omitempty" akao:"enum=a|b"`
}

type failing struct {
	Kind      akao.Kind       `json:"kind"`
	Message   string          `json:"message"`
	Retryable *bool           `json:"retryable,omitempty"`
	Detail    json.RawMessage `json:"detail,omitempty"`
}

type message struct {
	Message string `json:"message"`
}

type slow struct {
	Ignore bool `json:"ignore" akao:"default=false"`
}

type gate struct {
	Name string `json:"gate_name"`
}

type count struct {
	Count int `json:"count"`
}

type entry struct {
	Level   akao.Level     `json:"level"`
	Message string         `json:"message"`
	Fields  map[string]any `json:"fields"`
}

type stream struct {
	Stream string `json:"stream"`
	Text   string `json:"text"`
	Times  int    `json:"times"`
	// Writers write at the same time.
	Writers int `json:"writers" akao:"default=1"`
}

type name struct {
	Name string `json:"name"`
}

type state struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}

type file struct {
	Name      string `json:"name"`
	Text      string `json:"text"`
	MediaType string `json:"media_type,omitempty"`
}

type blob struct {
	Blob akao.Blob `json:"blob"`
	Name string    `json:"name"`
}

type size struct {
	Bytes int `json:"bytes"`
}

type wrong struct {
	Case string `json:"case"`
}

type item struct {
	Value int `json:"value"`
}

// gates are open or not; whoever waits looks again every few milliseconds, as a node that polls does.
var gates sync.Map

const pause = 2 * time.Millisecond

func main() {
	akao.Serve(akao.Package{ID: "com.example.conformance", Version: "1.2.3"}, append(works(), reports()...)...)
}

// works are the nodes that only compute, fail or wait.
func works() []*akao.Node {
	return []*akao.Node{
		akao.NewNode(prefix+"echo", func(_ *akao.Context, in value) (value, error) { return in, nil }),
		akao.NewNode(prefix+"typed", func(_ *akao.Context, in typed) (typed, error) { return in, nil }),
		akao.NewNode(prefix+"fail", func(_ *akao.Context, in failing) (none, error) {
			return none{}, &akao.Failure{Kind: in.Kind, Message: in.Message, Retryable: in.Retryable, Detail: in.Detail}
		}),
		akao.NewNode(prefix+"throw", func(_ *akao.Context, in message) (none, error) { panic(in.Message) }),
		akao.NewNode(prefix+"slow", func(c *akao.Context, in slow) (outputs, error) {
			c.Progress(0, "started")
			for !c.Cancelled() {
				time.Sleep(pause)
			}
			if in.Ignore {
				return outputs{"cancelled": true}, nil
			}
			return nil, c.CheckCancelled()
		}),
		akao.NewNode(prefix+"wait", func(c *akao.Context, in gate) (outputs, error) {
			c.Progress(0, "waiting")
			for {
				if _, isOpen := gates.Load(in.Name); isOpen {
					return outputs{"opened": in.Name}, nil
				}
				if err := c.CheckCancelled(); err != nil {
					return nil, err
				}
				time.Sleep(pause)
			}
		}),
		akao.NewNode(prefix+"open", func(_ *akao.Context, in gate) (none, error) {
			gates.Store(in.Name, true)
			return none{}, nil
		}),
		akao.NewNode(prefix+"context", func(c *akao.Context, _ none) (outputs, error) {
			return outputs{
				"node_id": c.NodeID, "workflow_id": c.WorkflowID, "execution_id": c.ExecutionID, "step": c.Step,
				"attempt": c.Attempt, "idempotency_key": c.IdempotencyKey, "tenant": c.Tenant, "deadline": c.Deadline,
				"trace": c.Trace,
			}, nil
		}),
		akao.NewNode(prefix+"big", func(_ *akao.Context, in size) (outputs, error) {
			return outputs{"text": strings.Repeat("x", in.Bytes)}, nil
		}),
		akao.NewNode(prefix+"bad_outputs", func(_ *akao.Context, in wrong) (any, error) {
			cases := map[string]any{
				"integer": outputs{"value": int64(1)<<53 + 1}, "nan": outputs{"value": math.NaN()}, "list": []int{1},
			}
			return cases[in.Case], nil
		}),
		akao.NewNode(prefix+"noise", func(_ *akao.Context, _ none) (none, error) {
			fmt.Println(`{"jsonrpc":"2.0","id":"1","result":{"success":true}}`)
			fmt.Fprintln(os.Stderr, "noise")
			return none{}, nil
		}),
		akao.NewNode(prefix+"items", func(_ *akao.Context, in item) (outputs, error) {
			if in.Value < 0 {
				return nil, akao.Fail(akao.Input, "the value is negative").WithDetail(outputs{"value": in.Value})
			}
			return outputs{"double": in.Value * 2}, nil
		}).Batch(),
	}
}

// reports are the nodes that tell the host something or ask it.
func reports() []*akao.Node {
	return []*akao.Node{
		akao.NewNode(prefix+"progress", func(c *akao.Context, in count) (none, error) {
			for index := 1; index <= in.Count; index++ {
				c.Progress(float64(index)/float64(in.Count), fmt.Sprintf("step %d", index))
			}
			return none{}, nil
		}),
		akao.NewNode(prefix+"log", func(c *akao.Context, in entry) (none, error) {
			return none{}, c.Log(in.Level, in.Message, in.Fields)
		}),
		akao.NewNode(prefix+"stream", func(c *akao.Context, in stream) (outputs, error) {
			errs := make(chan error)
			for writer := 0; writer < in.Writers; writer++ {
				go func() { errs <- c.Output(in.Stream, strings.Repeat(in.Text, in.Times)) }()
			}
			var failed error
			for writer := 0; writer < in.Writers; writer++ {
				if err := <-errs; err != nil {
					failed = err
				}
			}
			return outputs{"bytes": len(in.Text) * in.Times * in.Writers}, failed
		}),
		akao.NewNode(prefix+"secret", func(c *akao.Context, in name) (outputs, error) {
			value, err := c.Secret(in.Name)
			return outputs{"value": value}, err
		}),
		akao.NewNode(prefix+"state", func(c *akao.Context, in state) (outputs, error) {
			before, err := c.StateGet(in.Key)
			if err != nil {
				return nil, err
			}
			return outputs{"before": before}, c.StatePut(in.Key, in.Value)
		}),
		akao.NewNode(prefix+"blob_put", func(c *akao.Context, in file) (outputs, error) {
			if err := os.WriteFile(filepath.Join(c.Workspace(), in.Name), []byte(in.Text), 0o600); err != nil {
				return nil, err
			}
			blob, err := c.BlobPutAs(in.Name, in.MediaType)
			return outputs{"blob": blob}, err
		}),
		akao.NewNode(prefix+"blob_get", func(c *akao.Context, in blob) (outputs, error) {
			path, err := c.BlobGet(in.Blob, in.Name)
			if err != nil {
				return nil, err
			}
			text, err := os.ReadFile(path)
			return outputs{"text": string(text)}, err
		}),
		akao.NewNode(prefix+"outside", func(c *akao.Context, _ none) (outputs, error) {
			blob, err := c.BlobPut("../outside.txt")
			return outputs{"blob": blob}, err
		}),
	}
}
