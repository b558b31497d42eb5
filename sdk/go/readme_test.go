package akao_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The snippets of the README are put into files as their first line says, and tested and run as a module of their own.
func TestTheSnippetsRun(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var names []string
	for _, match := range regexp.MustCompile("(?s)```go\n// (\\S+)\n(.*?)```").FindAllSubmatch(readme, -1) {
		names = append(names, string(match[1]))
		if err := os.WriteFile(filepath.Join(folder, string(match[1])), match[2], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(names, " ") != "main.go main_test.go" {
		t.Fatalf("found the snippets %v", names)
	}
	module := "module example.com/greet\n\ngo 1.19\n\nrequire github.com/akaoio/akao/sdk/go v0.0.0\n\n" +
		"replace github.com/akaoio/akao/sdk/go => " + here + "\n"
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(program string, arguments ...string) ([]byte, error) {
		command := exec.Command(program, arguments...)
		command.Dir = folder
		return command.CombinedOutput()
	}
	if output, err := run("go", "test", "./..."); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if output, err := run("go", "build", "-o", "greet", "."); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	output, err := run(filepath.Join(folder, "greet"))
	var exit *exec.ExitError
	if exitError, isExit := err.(*exec.ExitError); isExit {
		exit = exitError
	}
	if exit == nil || exit.ExitCode() != 2 || !strings.Contains(string(output), "akao node run") {
		t.Errorf("by hand: %v\n%s", err, output)
	}
}
