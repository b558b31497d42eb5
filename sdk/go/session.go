package akao

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

const (
	protocol = 1
	sdk      = "akao-go/0.1.0"
	graceMs  = 2000
	// After a cancel at the end of the grace, work has this long to notice.
	last = time.Second
)

// job is one call.
type job struct {
	id         string
	node       *Node
	context    *Context
	parameters json.RawMessage
}

// session is the node's side of one connection.
type session struct {
	pkg    Package
	nodes  map[string]*Node
	order  []*Node
	writer writer

	lock        sync.Mutex
	jobs        map[string]*job
	queue       []*job
	running     int
	concurrency int
	isReady     bool
	tenant      string
	stopID      *string
	calls       int
	answers     map[string]chan object
	ended       chan int
}

func newSession(target io.Writer, pkg Package, nodes []*Node) *session {
	s := &session{
		pkg: pkg, nodes: map[string]*Node{}, order: nodes, jobs: map[string]*job{}, concurrency: 1,
		answers: map[string]chan object{}, ended: make(chan int, 8),
	}
	s.writer.target = target
	for _, node := range nodes {
		s.nodes[node.id] = node
	}
	return s
}

// serve answers until the host closes or says so, and gives the exit code.
func (s *session) serve(source io.Reader) int {
	go s.read(&lines{source: source})
	code := <-s.ended
	s.writer.flush()
	return code
}

func (s *session) read(lines *lines) {
	for {
		line, err := lines.next()
		var tooLong *fault
		switch {
		case errors.As(err, &tooLong):
			s.refuse(nil, tooLong)
			s.ended <- 1
			return
		case err != nil:
			s.closed(errors.Is(err, io.ErrUnexpectedEOF))
			return
		}
		if len(strings.TrimSpace(string(line[:smallest(len(line), 8)]))) > 0 {
			s.receive(line)
		}
	}
}

// closed ends the session because the host is gone.
func (s *session) closed(inTheMiddle bool) {
	s.lock.Lock()
	for _, job := range s.jobs {
		job.context.stop()
	}
	s.lock.Unlock()
	if inTheMiddle {
		fmt.Fprintln(os.Stderr, "akao: the host closed in the middle of a message")
		s.ended <- 1
		return
	}
	s.ended <- 0
}

func (s *session) receive(line []byte) {
	message, fault := decode(line)
	if fault != nil {
		s.refuse(nil, fault)
		return
	}
	methodValue, isRequest := message["method"]
	if !isRequest {
		s.takeAnswer(message)
		return
	}
	method, isText := asString(methodValue)
	params := asObject(message["params"])
	if message["params"] == nil {
		params = object{}
	}
	idValue, hasID := message["id"]
	if !hasID {
		s.notified(method, params)
		return
	}
	id, isID := asString(idValue)
	version, _ := asString(message["jsonrpc"])
	switch {
	case !isID:
		fault = refused(invalidRequest, "a request has jsonrpc 2.0, a string as id and a method")
		s.refuse(nil, fault)
		return
	case version != "2.0" || !isText:
		fault = refused(invalidRequest, "a request has jsonrpc 2.0, a string as id and a method")
	case params == nil:
		fault = refused(invalidParams, "params are an object")
	default:
		fault = s.request(id, method, params)
	}
	if fault != nil {
		s.refuse(&id, fault)
		if fault.code == initialisation && method == "node.info" {
			s.ended <- 1
		}
	}
}

func (s *session) request(id, method string, params object) *fault {
	if method == "node.info" {
		return s.info(id, params)
	}
	switch method {
	case "node.execute", "node.validate", "node.health", "node.shutdown":
	default:
		return refused(methodNotFound, "unknown method `%s`", method)
	}
	if !s.isReady {
		return refused(initialisation, "`%s` came before `node.info`", method)
	}
	switch method {
	case "node.execute":
		return s.accept(id, params)
	case "node.validate":
		return s.validate(id, params)
	case "node.health":
		s.answer(id, s.health())
	default:
		s.shutdown(id, params)
	}
	return nil
}

func (s *session) info(id string, params object) *fault {
	var offered []float64
	_ = json.Unmarshal(params["protocol"], &offered)
	isCommon := false
	for _, version := range offered {
		isCommon = isCommon || version == protocol
	}
	if !isCommon {
		theirs := string(params["protocol"])
		if theirs == "" {
			theirs = "null"
		}
		message := fmt.Sprintf("no protocol in common: the host speaks %s, this node speaks %d", theirs, protocol)
		fmt.Fprintln(os.Stderr, "akao: "+message)
		return refused(initialisation, "%s", message)
	}
	concurrency := 1
	_ = json.Unmarshal(asObject(params["limits"])["concurrency"], &concurrency)
	s.lock.Lock()
	if !s.isReady {
		// It holds as long as the process lives, so that calls need not name it.
		s.tenant, _ = asString(params["tenant"])
	}
	s.isReady = true
	if concurrency >= 1 {
		s.concurrency = concurrency
	}
	s.lock.Unlock()
	var nodes []map[string]any
	for _, node := range s.order {
		nodes = append(nodes, map[string]any{"id": node.id, "inputs": node.schemas, "batch": node.batch})
	}
	s.answer(id, map[string]any{
		"protocol": protocol, "id": s.pkg.ID, "version": s.pkg.Version, "sdk": sdk, "nodes": nodes,
		// A context may say the execution within its key.
		"limits": map[string]any{"context": []string{"key"}},
	})
	return nil
}

func (s *session) validate(id string, params object) *fault {
	node, fault := s.node(params["node"])
	if fault != nil {
		return fault
	}
	if asObject(params["parameters"]) == nil {
		return refused(invalidParams, "parameters are an object")
	}
	var found []Problem
	err := guarded(func() (err error) {
		found, err = node.allProblems(params["parameters"])
		return err
	})
	if err != nil {
		fault := refused(internalError, "the check of `%s` failed: %v", node.id, err)
		fault.kind = Internal
		return fault
	}
	s.answer(id, map[string]any{"valid": len(found) == 0, "problems": found})
	return nil
}

// statuses are those of Health, from the best to the worst.
var statuses = []string{"healthy", "degraded", "unhealthy"}

// health is the worst word of all nodes.
func (s *session) health() Health {
	worst, rank := Health{}, -1
	for _, node := range s.order {
		if node.health == nil {
			continue
		}
		word := healthOf(node)
		for place, status := range statuses {
			if word.Status == status && place > rank {
				worst, rank = word, place
			}
		}
	}
	if rank >= 0 {
		return worst
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	return Health{Status: "healthy", Detail: fmt.Sprintf("%d running", len(s.jobs))}
}

// healthOf is a node's own word, which is a bad one where it panics or says something else.
func healthOf(node *Node) (word Health) {
	err := guarded(func() error {
		word = node.health()
		for _, status := range statuses {
			if word.Status == status {
				return nil
			}
		}
		return fmt.Errorf("`%s` says `%s`, known are %s", node.id, word.Status, strings.Join(statuses, ", "))
	})
	if err != nil {
		return Health{Status: "unhealthy", Detail: err.Error()}
	}
	return word
}

// guarded gives what was done, or the failure that a panic is: a mistake in a node must not end the process.
func guarded(do func() error) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", panicked, debug.Stack())
			failure := Fail(Internal, "%v", panicked)
			failure.Detail = map[string]any{"type": "panic"}
			err = failure
		}
	}()
	return do()
}

func (s *session) shutdown(id string, params object) {
	grace := float64(graceMs)
	_ = json.Unmarshal(params["grace"], &grace)
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.stopID != nil {
		return
	}
	s.stopID = &id
	if len(s.jobs) == 0 {
		s.stopped()
		return
	}
	time.AfterFunc(time.Duration(grace*float64(time.Millisecond)), func() {
		s.lock.Lock()
		var jobs []*job
		for _, job := range s.jobs {
			jobs = append(jobs, job)
		}
		s.lock.Unlock()
		for _, job := range jobs {
			s.cancel(job)
		}
		time.AfterFunc(last, func() {
			s.lock.Lock()
			defer s.lock.Unlock()
			s.stopped()
		})
	})
}

// stopped answers the shutdown once; the lock is held.
func (s *session) stopped() {
	if *s.stopID != "" {
		s.answer(*s.stopID, struct{}{})
		*s.stopID = ""
		s.ended <- 0
	}
}

// notified takes notifications of the host; unknown ones are ignored, so that later hosts may send more.
func (s *session) notified(method string, params object) {
	id, isID := asString(params["id"])
	s.lock.Lock()
	job := s.jobs[id]
	s.lock.Unlock()
	if !isID || job == nil {
		return
	}
	switch method {
	case "$/cancel":
		s.cancel(job)
	case "$/credit":
		var bytes int
		stream, isText := asString(params["stream"])
		if json.Unmarshal(params["bytes"], &bytes) == nil && isText && bytes > 0 {
			job.context.grant(stream, bytes)
		}
	}
}

// cancel tells the work; a call that has not begun is answered at once.
func (s *session) cancel(cancelled *job) {
	cancelled.context.stop()
	s.lock.Lock()
	isQueued := false
	for index, job := range s.queue {
		if job == cancelled {
			s.queue = append(s.queue[:index:index], s.queue[index+1:]...)
			isQueued = true
			break
		}
	}
	s.lock.Unlock()
	if isQueued {
		s.finish(cancelled, nil, Fail(Cancelled, "cancelled by the host"), time.Now())
	}
}

func (s *session) takeAnswer(message object) {
	id, isID := asString(message["id"])
	s.lock.Lock()
	defer s.lock.Unlock()
	if answer := s.answers[id]; isID && answer != nil {
		delete(s.answers, id)
		answer <- message
	}
}

func (s *session) node(value json.RawMessage) (*Node, *fault) {
	id, isText := asString(value)
	if value == nil && len(s.order) == 1 {
		return s.order[0], nil
	}
	if node := s.nodes[id]; isText && node != nil {
		return node, nil
	}
	var known []string
	for _, node := range s.order {
		known = append(known, node.id)
	}
	fault := refused(invalidParams, "unknown node `%s`, this package holds %s", id, strings.Join(known, ", "))
	fault.kind = NotFound
	return nil, fault
}

func (s *session) accept(id string, params object) *fault {
	fields := asObject(params["context"])
	parameters := params["parameters"]
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.stopID != nil {
		return &fault{code: internalError, message: "the node is shutting down", kind: Connection, retryable: true}
	}
	if fields == nil || len(parameters) == 0 || parameters[0] != '{' {
		return refused(invalidParams, "context and parameters are objects")
	}
	node, fault := s.node(fields["node_id"])
	if fault != nil {
		return fault
	}
	if s.jobs[id] != nil {
		return refused(invalidRequest, "the id `%s` is in use", id)
	}
	accepted := &job{id: id, node: node, context: newContext(s, id, fields), parameters: parameters}
	// The host leaves it out where the package has one node.
	accepted.context.NodeID = node.id
	if accepted.context.Tenant == "" {
		accepted.context.Tenant = s.tenant
	}
	s.jobs[id] = accepted
	s.queue = append(s.queue, accepted)
	s.startNext()
	return nil
}

// startNext starts what may run; the lock is held.
func (s *session) startNext() {
	for s.running < s.concurrency && len(s.queue) > 0 {
		next := s.queue[0]
		s.queue = s.queue[1:]

		s.running++
		go s.run(next)
	}
}

func (s *session) run(job *job) {
	started := time.Now()
	outputs, err := s.work(job)
	s.lock.Lock()
	s.running--
	s.lock.Unlock()
	s.finish(job, outputs, err, started)
	s.lock.Lock()
	s.startNext()
	s.lock.Unlock()
}

// work runs a call; a panic is an error of kind internal.
func (s *session) work(job *job) (data []byte, err error) {
	err = guarded(func() (err error) {
		if items, isBatch := asObject(job.parameters)["$items"]; isBatch {
			data, err = runItems(job, items)
			return err
		}
		outputs, err := job.node.execute(job.context, job.parameters)
		if err == nil {
			data, err = encodeOutputs(outputs)
		}
		return err
	})
	return data, err
}

// runItems runs a batch: each item is a call of its own, and its failure its own.
func runItems(job *job, list json.RawMessage) ([]byte, error) {
	var items []json.RawMessage
	if !job.node.batch {
		return nil, Fail(Input, "`%s` takes no batch of items", job.node.id)
	}
	if json.Unmarshal(list, &items) != nil || len(asObject(job.parameters)) != 1 {
		return nil, Fail(Input, "$items is one list")
	}
	results := []json.RawMessage{}
	for _, item := range items {
		if err := job.context.CheckCancelled(); err != nil {
			return nil, err
		}
		result, err := runItem(job, item)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return encode(map[string]any{"$items": results})
}

func runItem(job *job, item json.RawMessage) (json.RawMessage, error) {
	var data []byte
	var err error = Fail(Input, "an item is an object")
	if item[0] == '{' {
		var outputs any
		if outputs, err = job.node.execute(job.context, item); err == nil {
			data, err = encodeOutputs(outputs)
		}
	}
	if err == nil {
		return encode(map[string]any{"success": true, "outputs": json.RawMessage(data)})
	}
	var failure *Failure
	if !errors.As(err, &failure) || (failure.Kind == Cancelled && job.context.Cancelled()) {
		return nil, err
	}
	return encode(map[string]any{"success": false, "outputs": struct{}{}, "error": failureOf(err)})
}

// finish writes the one answer of a call.
func (s *session) finish(job *job, outputs []byte, err error, started time.Time) {
	took := float64(time.Since(started).Microseconds()) / 1000
	id, _ := encode(job.id)
	line := []byte(nil)
	if err == nil {
		line = successLine(id, outputs, took)
		if len(line) > messageBytesMax {
			hint := "write it to a file of the workspace and give its blob"
			err = Fail(Resource, "the answer of %d bytes is over the bound of %d, %s", len(line), messageBytesMax, hint)
		}
	}
	if err != nil {
		line = failureLine(id, failureOf(err), took)
	}
	job.context.progressLast()
	job.context.cancel()
	// In this order: once nothing runs any more, another goroutine may end the process.
	s.writer.send(line)
	s.lock.Lock()
	delete(s.jobs, job.id)
	if s.stopID != nil && len(s.jobs) == 0 {
		s.stopped()
	}
	s.lock.Unlock()
}

func successLine(id, outputs []byte, took float64) []byte {
	line := make([]byte, 0, len(outputs)+128)
	line = append(append(line, `{"jsonrpc":"2.0","id":`...), id...)
	line = append(append(line, `,"result":{"success":true,"outputs":`...), outputs...)
	return append(line, fmt.Sprintf(`,"metadata":{"execution_time":%.3f}}}`, took)...)
}

func failureLine(id []byte, failure *Failure, took float64) []byte {
	write := func(failure *Failure) []byte {
		data, err := encode(failure)
		if err != nil || len(data) > messageBytesMax-256 {
			return nil
		}
		return []byte(fmt.Sprintf(
			`{"jsonrpc":"2.0","id":%s,"result":{"success":false,"outputs":{},"error":%s,"metadata":{"execution_time":%.3f}}}`,
			id, data, took,
		))
	}
	if line := write(failure); line != nil {
		return line
	}
	return write(&Failure{Kind: failure.Kind, Retryable: failure.Retryable, Message: "a failure that fits into no message"})
}

func (s *session) answer(id string, result any) {
	line, err := encode(map[string]any{"jsonrpc": "2.0", "id": id, "result": result})
	if err != nil {
		s.refuse(&id, refused(internalError, "the answer cannot be written as JSON: %v", err))
		return
	}
	s.writer.send(line)
}

func (s *session) refuse(id *string, fault *fault) {
	data := map[string]any{"kind": fault.kind, "retryable": fault.retryable, "message": fault.message, "detail": nil}
	wrong := map[string]any{"code": fault.code, "message": fault.message, "data": data}
	line, _ := encode(map[string]any{"jsonrpc": "2.0", "id": id, "error": wrong})
	s.writer.send(line)
}

func (s *session) notify(method string, params map[string]any) error {
	line, err := encode(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
	if err != nil {
		return Fail(Internal, "`%s` cannot be written as JSON: %v", method, err)
	}
	return s.send(line)
}

func (s *session) send(line []byte) error {
	if len(line) > messageBytesMax {
		return Fail(Resource, "a message of %d bytes is over the bound of %d", len(line), messageBytesMax)
	}
	s.writer.send(line)
	return nil
}

// call asks the host and waits for its answer.
func (s *session) call(c *Context, method string, params map[string]any) (json.RawMessage, error) {
	if err := c.CheckCancelled(); err != nil {
		return nil, err
	}
	answer := make(chan object, 1)
	s.lock.Lock()
	s.calls++
	id := fmt.Sprintf("n%d", s.calls)
	s.answers[id] = answer
	s.lock.Unlock()
	defer func() {
		s.lock.Lock()
		delete(s.answers, id)
		s.lock.Unlock()
	}()
	params["id"] = c.id
	line, err := encode(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		return nil, Fail(Internal, "`%s` cannot be written as JSON: %v", method, err)
	}
	if err := s.send(line); err != nil {
		return nil, err
	}
	select {
	case message := <-answer:
		return resultOf(message, method)
	case <-c.done.Done():
		return nil, c.CheckCancelled()
	}
}

func resultOf(message object, method string) (json.RawMessage, error) {
	wrong := asObject(message["error"])
	if wrong == nil {
		return message["result"], nil
	}
	failure := &Failure{Kind: Internal, Message: "the host refused `" + method + "`"}
	if text, isText := asString(wrong["message"]); isText {
		failure.Message = text
	}
	data := asObject(wrong["data"])
	if text, isText := asString(data["message"]); isText {
		failure.Message = text
	}
	if kind, isText := asString(data["kind"]); isText {
		failure.Kind = Kind(kind)
	}
	_ = json.Unmarshal(data["retryable"], &failure.Retryable)
	if detail := data["detail"]; detail != nil {
		failure.Detail = detail
	}
	return nil, failureOf(failure)
}
