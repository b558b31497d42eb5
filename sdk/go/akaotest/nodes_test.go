package akaotest_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	akao "github.com/akaoio/akao/sdk/go"
	"github.com/akaoio/akao/sdk/go/akaotest"
)

type numbers struct {
	Left  int `json:"left"`
	Right int `json:"right" akao:"default=1"`
}

func (n numbers) Validate() []akao.Problem {
	if n.Left == 13 {
		return []akao.Problem{{Path: "/left", Message: "brings bad luck"}}
	}
	return nil
}

type outputs = map[string]any

func add() *akao.Node {
	return akao.NewNode("com.example.add", func(_ *akao.Context, in numbers) (outputs, error) {
		return outputs{"sum": in.Left + in.Right}, nil
	})
}

func TestProblemsAreNamed(t *testing.T) {
	host := akaotest.New(t, add())
	cases := []struct{ parameters, expected string }{
		{`{"left":1}`, ""},
		{`{"left":1.0}`, ""},
		{`{"left":true}`, "/left expected integer, found boolean"},
		{`{"left":1.5}`, "/left expected integer, found number"},
		{`{"left":null}`, "/left expected integer, found null"},
		{`{"left":9007199254740992}`, "/left is beyond 2^53, send it as a string"},
		{`{"left":13}`, "/left brings bad luck"},
		{`{"lift":1}`, "/lift is not an input of this node; /left is required"},
	}
	for _, c := range cases {
		var found []string
		for _, problem := range host.Validate("com.example.add", json.RawMessage(c.parameters)) {
			found = append(found, problem.Path+" "+problem.Message)
		}
		if joined := strings.Join(found, "; "); joined != c.expected {
			t.Errorf("%s: expected %q, found %q", c.parameters, c.expected, joined)
		}
		if success := host.Execute("com.example.add", json.RawMessage(c.parameters)).Success; success != (c.expected == "") {
			t.Errorf("%s: success is %v", c.parameters, success)
		}
	}
}

func TestACancelReachesTheWork(t *testing.T) {
	wait := akao.NewNode("com.example.wait", func(c *akao.Context, _ struct{}) (outputs, error) {
		c.Progress(akao.Unknown, "waiting")
		<-c.Context().Done()
		return nil, c.CheckCancelled()
	})
	host := akaotest.New(t, wait)
	host.CancelAtProgress = true
	result := host.Execute("com.example.wait", outputs{})
	if result.Error == nil || result.Error.Kind != akao.Cancelled || result.Progress[0].Fraction != nil {
		t.Errorf("found %+v", result)
	}
}

func TestFilesSecretsStateAndStreams(t *testing.T) {
	type input struct {
		Secret string `json:"secret"`
	}
	everything := akao.NewNode("com.example.everything", func(c *akao.Context, in input) (outputs, error) {
		if err := os.WriteFile(filepath.Join(c.Workspace(), "a.txt"), []byte("all"), 0o600); err != nil {
			return nil, err
		}
		blob, err := c.BlobPut("a.txt")
		if err != nil {
			return nil, err
		}
		path, err := c.BlobGet(blob, "b.txt")
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := c.StatePut("seen", 1); err != nil {
			return nil, err
		}
		if err := c.Output("rows", strings.Repeat("x", 1_000_000)); err != nil {
			return nil, err
		}
		secret, err := c.Secret(in.Secret)
		return outputs{"text": string(text), "secret": secret}, err
	})
	host := akaotest.New(t, everything)
	host.Secrets["A"] = "a"
	result := host.Execute("com.example.everything", input{"A"})
	if !result.Success || result.Outputs["text"] != "all" || result.Outputs["secret"] != "a" {
		t.Errorf("found %+v, %v", result.Outputs, result.Error)
	}
	if len(result.Output["rows"]) != 1_000_000 || string(host.State["seen"]) != "1" {
		t.Errorf("found %d bytes and the state %s", len(result.Output["rows"]), host.State["seen"])
	}
	if denied := host.Execute("com.example.everything", input{"B"}); denied.Error.Kind != akao.Permission {
		t.Errorf("found %v", denied.Error)
	}
}

func TestOddFailuresAreAnswered(t *testing.T) {
	type input struct {
		Case string `json:"case"`
	}
	odd := akao.NewNode("com.example.odd", func(_ *akao.Context, in input) (any, error) {
		switch in.Case {
		case "channel":
			return outputs{"a": make(chan int)}, nil
		case "long":
			return nil, akao.Fail(akao.User, "%s", strings.Repeat("x", 2_000_000))
		case "detail":
			return nil, &akao.Failure{Kind: akao.User, Message: "m", Detail: make(chan int)}
		case "kind":
			return nil, &akao.Failure{Kind: "odd", Message: "m"}
		case "nil":
			var none *numbers
			return outputs{"a": none.Left}, nil
		}
		return nil, errors.New("plain")
	})
	host := akaotest.New(t, odd)
	cases := map[string]akao.Kind{
		"channel": akao.Internal, "long": akao.User, "detail": akao.User, "kind": akao.Internal, "nil": akao.Internal,
		"other": akao.Internal,
	}
	for name, kind := range cases {
		if found := host.Execute("com.example.odd", input{name}).Error; found == nil || found.Kind != kind {
			t.Errorf("%s: expected %s, found %v", name, kind, found)
		}
	}
}
