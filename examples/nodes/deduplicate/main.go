// Keeps the first of equal records. Two are equal when the digests of their chosen fields are.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	akao "github.com/akaoio/akao/sdk/go"
)

// How many records are looked at between two looks at the call.
const recordsBetweenLooks = 1000

type inputs struct {
	Records    []map[string]any `json:"records"`
	By         []string         `json:"by" akao:"default=[]"`
	IgnoreCase bool             `json:"ignore_case" akao:"default=false"`
}

type outputs struct {
	Records []map[string]any `json:"records"`
	Digests []string         `json:"digests"`
	Dropped int              `json:"dropped"`
}

var deduplicate = akao.NewNode("com.example.deduplicate", func(context *akao.Context, in inputs) (outputs, error) {
	out := outputs{Records: []map[string]any{}, Digests: []string{}}
	seen := map[string]bool{}
	for index, record := range in.Records {
		if index%recordsBetweenLooks == 0 {
			if err := context.CheckCancelled(); err != nil {
				return outputs{}, err
			}
			context.Progress(float64(index)/float64(len(in.Records)), "")
		}
		digest, err := digestOf(record, in.By, in.IgnoreCase)
		if err != nil {
			return outputs{}, err
		}
		if seen[digest] {
			out.Dropped++
			continue
		}
		seen[digest] = true
		out.Records = append(out.Records, record)
		out.Digests = append(out.Digests, digest)
	}
	return out, nil
})

// digestOf is SHA-256 over the chosen fields as JSON, which Go writes with sorted keys.
func digestOf(record map[string]any, by []string, ignoreCase bool) (string, error) {
	chosen := map[string]any{}
	for name, value := range record {
		if len(by) == 0 || contains(by, name) {
			chosen[name] = value
		}
	}
	text, err := json.Marshal(chosen)
	if err != nil {
		return "", err
	}
	if ignoreCase {
		text = []byte(strings.ToLower(string(text)))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

func contains(names []string, wanted string) bool {
	for _, name := range names {
		if name == wanted {
			return true
		}
	}
	return false
}

func main() {
	akao.Serve(akao.Package{Version: "1.0.0"}, deduplicate)
}
