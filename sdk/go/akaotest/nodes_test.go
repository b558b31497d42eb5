package akaotest_test

import (
	"encoding/json"
	"errors"
	"fmt"
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
		blob, err := c.BlobPutAs("a.txt", "text/plain")
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(string(blob), `,"bytes":3,"media_type":"text/plain"}`) {
			return nil, akao.Fail(akao.Internal, "found %s", blob)
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

// strict has its check on the pointer, as a type that is changed by its methods has.
type strict struct {
	Left int `json:"left"`
}

func (s *strict) Validate() []akao.Problem {
	return []akao.Problem{{Path: "/left", Message: fmt.Sprintf("%d into 1", 1/s.Left)}}
}

func TestACheckOnThePointerIsFoundAndMayPanic(t *testing.T) {
	host := akaotest.New(t, akao.NewNode("com.example.strict", func(_ *akao.Context, _ strict) (outputs, error) { return nil, nil }))
	if found := host.Validate("com.example.strict", strict{1}); len(found) != 1 || found[0].Message != "1 into 1" {
		t.Errorf("found %v", found)
	}
	failed := host.Execute("com.example.strict", strict{1})
	if failed.Error == nil || failed.Error.Message != "/left 1 into 1" {
		t.Errorf("found %v", failed.Error)
	}
	const expected = "the check of `com.example.strict` failed: runtime error: integer divide by zero"
	if err := host.ValidateError("com.example.strict", strict{0}); err == nil || err.Error() != expected {
		t.Errorf("found %v", err)
	}
}

func TestTheWorstWordOnHealthCounts(t *testing.T) {
	says := func(status string) func() akao.Health {
		return func() akao.Health { return akao.Health{Status: status, Detail: status} }
	}
	panics := func() akao.Health { panic("no word") }
	const odd = "`com.example.add` says `odd`, known are healthy, degraded, unhealthy"
	cases := []struct {
		words    []func() akao.Health
		expected akao.Health
	}{
		{[]func() akao.Health{nil, says("healthy")}, akao.Health{Status: "healthy", Detail: "healthy"}},
		{[]func() akao.Health{says("healthy"), says("degraded")}, akao.Health{Status: "degraded", Detail: "degraded"}},
		{[]func() akao.Health{says("degraded"), panics, says("healthy")}, akao.Health{Status: "unhealthy", Detail: "no word"}},
		{[]func() akao.Health{says("odd")}, akao.Health{Status: "unhealthy", Detail: odd}},
	}
	for _, c := range cases {
		var nodes []*akao.Node
		for _, word := range c.words {
			node := add()
			if word != nil {
				node.Health(word)
			}
			nodes = append(nodes, node)
		}
		if found := akaotest.New(t, nodes...).Health(); found != c.expected {
			t.Errorf("expected %v, found %v", c.expected, found)
		}
	}
}

func TestTextThatIsNotUTF8IsCountedAsItIsSent(t *testing.T) {
	odd := akao.NewNode("com.example.bytes", func(c *akao.Context, _ struct{}) (outputs, error) {
		text := strings.Repeat("a\xff", 200_000) + "b\xf0\x9f"
		laidOut := json.RawMessage("{\n  \"a\": \"\xff\"\n}")
		return outputs{"bytes": len(text), "raw": laidOut}, c.Output("s", text)
	})
	result := akaotest.New(t, odd).Execute("com.example.bytes", struct{}{})
	if !result.Success || result.Output["s"] != strings.Repeat("a\ufffd", 200_000)+"b\ufffd" {
		t.Errorf("found %d bytes, %v", len(result.Output["s"]), result.Error)
	}
	if raw := result.Outputs["raw"].(map[string]any); raw["a"] != "\ufffd" {
		t.Errorf("found %v", raw)
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
