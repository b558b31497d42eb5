// Greets somebody, as often as wanted.
package main

import (
	"fmt"
	"strings"

	akao "github.com/akaoio/akao/sdk/go"
)

type inputs struct {
	Name  string `json:"name"`
	Times int    `json:"times" akao:"default=1"`
}

type outputs struct {
	Text string `json:"text"`
}

var greet = akao.NewNode("com.example.my-node", func(context *akao.Context, in inputs) (outputs, error) {
	if in.Name == "" {
		return outputs{}, akao.Fail(akao.Input, "the name is empty")
	}
	greetings := make([]string, in.Times)
	for index := range greetings {
		if err := context.CheckCancelled(); err != nil {
			return outputs{}, err
		}
		greetings[index] = "Hello " + in.Name
		context.Progress(float64(index+1)/float64(in.Times), fmt.Sprintf("greeting %d", index+1))
	}
	err := context.Log(akao.Info, "greeted", map[string]any{"name": in.Name})
	return outputs{strings.Join(greetings, ", ")}, err
})

func main() {
	akao.Serve(akao.Package{Version: "1.0.0"}, greet)
}
