package akao

import (
	"errors"
	"fmt"
)

// Kind says what the reader of a failure should do next; the list is fixed.
type Kind string

// The kinds of failures.
const (
	Input      Kind = "input"
	Permission Kind = "permission"
	NotFound   Kind = "not_found"
	Connection Kind = "connection"
	Timeout    Kind = "timeout"
	Resource   Kind = "resource"
	Cancelled  Kind = "cancelled"
	Protocol   Kind = "protocol"
	User       Kind = "user"
	Internal   Kind = "internal"
)

// Kinds holds every kind.
var Kinds = []Kind{Input, Permission, NotFound, Connection, Timeout, Resource, Cancelled, Protocol, User, Internal}

// Failure is an error of the work. The host gets its fields as they are; any other error is one of kind internal.
type Failure struct {
	Kind Kind `json:"kind"`
	// Retryable says whether another try may succeed; where it is nil, that goes without saying for each kind.
	Retryable *bool  `json:"retryable,omitempty"`
	Message   string `json:"message"`
	Detail    any    `json:"detail"`
}

// Error is the failure's message.
func (f *Failure) Error() string { return f.Message }

// Fail makes a failure; the message is formatted as by fmt.Sprintf.
func Fail(kind Kind, message string, arguments ...any) *Failure {
	return &Failure{Kind: kind, Message: fmt.Sprintf(message, arguments...)}
}

// WithRetryable says whether another try may succeed, and gives the failure.
func (f *Failure) WithRetryable(retryable bool) *Failure {
	f.Retryable = &retryable
	return f
}

// WithDetail says for programs what happened, and gives the failure.
func (f *Failure) WithDetail(detail any) *Failure {
	f.Detail = detail
	return f
}

// failureOf is the failure in an error's chain, or one of kind internal.
func failureOf(err error) *Failure {
	var failure *Failure
	if !errors.As(err, &failure) {
		return &Failure{Kind: Internal, Message: err.Error()}
	}
	for _, kind := range Kinds {
		if kind == failure.Kind {
			return failure
		}
	}
	return &Failure{Kind: Internal, Message: failure.Message, Retryable: failure.Retryable, Detail: failure.Detail}
}

// fault is a fault of the protocol, answered as a JSON-RPC error.
type fault struct {
	code      int
	message   string
	kind      Kind
	retryable bool
}

func (f *fault) Error() string { return f.message }

const (
	parseError     = -32700
	invalidRequest = -32600
	methodNotFound = -32601
	invalidParams  = -32602
	initialisation = -1000
	internalError  = -1005
)

func refused(code int, message string, arguments ...any) *fault {
	return &fault{code: code, message: fmt.Sprintf(message, arguments...), kind: Protocol}
}
