// Package akao writes nodes for Akao in Go.
//
// A node is a function of a context and its inputs; Serve answers the host until it closes. Nothing beyond the standard
// library is needed.
package akao

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

const byHand = `This program is a node of Akao and speaks with Akao over descriptor 3, which is not there.

Start it with ` + "`akao node run DIR`, or test it with `akao node test DIR`." + `
`

// Package names what holds the nodes; a package of one node may leave the id out.
type Package struct {
	ID      string
	Version string
}

// Serve answers the host with these nodes, then ends the process. Started by hand, it says so and ends with 2.
func Serve(pkg Package, nodes ...*Node) {
	descriptor, err := inherited()
	if err != nil {
		fmt.Fprint(os.Stderr, byHand)
		os.Exit(2)
	}
	os.Exit(ServeOn(os.NewFile(descriptor, "akao"), pkg, nodes...))
}

// ServeOn answers on any connection and gives the exit code; tests use it.
func ServeOn(connection io.ReadWriter, pkg Package, nodes ...*Node) int {
	if len(nodes) == 0 {
		panic("Serve needs a node")
	}
	if pkg.ID == "" {
		pkg.ID = nodes[0].id
	}
	if pkg.Version == "" {
		pkg.Version = "0.0.0"
	}
	return newSession(connection, pkg, nodes).serve(connection)
}

// inherited is the descriptor that the host passed; it is hidden from programs that the node starts. Without blocking, a
// read waits in Go's own poller instead of holding a thread.
func inherited() (uintptr, error) {
	text := os.Getenv("AKAO_RPC_FD")
	os.Unsetenv("AKAO_RPC_FD")
	descriptor, err := strconv.Atoi(text)
	if err != nil {
		return 0, err
	}
	var status syscall.Stat_t
	if err := syscall.Fstat(descriptor, &status); err != nil {
		return 0, err
	}
	syscall.CloseOnExec(descriptor)
	return uintptr(descriptor), syscall.SetNonblock(descriptor, true)
}
