package akao

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	creditBytesStart = 262_144
	// A chunk is cut so that the longest escapes still keep its message within the bound.
	chunkBytesMax    = 65_536
	progressInterval = 100 * time.Millisecond
)

// Level says how grave a log line is.
type Level string

// The levels of log lines.
const (
	Debug Level = "debug"
	Info  Level = "info"
	Warn  Level = "warn"
	Error Level = "error"
)

// Unknown is the fraction of a progress that nobody can tell.
const Unknown = -1.0

// Blob is a reference to a blob, as the host gives it and outputs may hold it.
type Blob = json.RawMessage

// Context is one call: who called, and the ways to report and to ask.
type Context struct {
	NodeID         string
	WorkflowID     string
	ExecutionID    string
	Step           string
	Attempt        int
	IdempotencyKey string
	Tenant         string
	// Deadline is when the attempt must have ended, in Unix milliseconds; 0 where there is no such time.
	Deadline int64
	Trace    string

	session *session
	id      string
	done    context.Context
	cancel  context.CancelFunc

	lock         sync.Mutex
	changed      *sync.Cond
	credit       map[string]int
	progressAt   time.Time
	progressHeld map[string]any
}

func newContext(session *session, id string, fields object) *Context {
	done, cancel := context.WithCancel(context.Background())
	text := func(name string) string {
		value, _ := asString(fields[name])
		return value
	}
	attempt, deadline := 1, int64(0)
	_ = json.Unmarshal(fields["attempt"], &attempt)
	_ = json.Unmarshal(fields["deadline"], &deadline)
	c := &Context{
		NodeID: text("node_id"), WorkflowID: text("workflow_id"), ExecutionID: text("execution_id"), Step: text("step"),
		Attempt: attempt, IdempotencyKey: text("idempotency_key"), Tenant: text("tenant"), Deadline: deadline,
		Trace: text("trace"), session: session, id: id, done: done, cancel: cancel,
	}
	// With one key a host says both: the execution up to the dash, and all of it.
	if key := text("key"); key != "" {
		if c.ExecutionID == "" {
			c.ExecutionID, _, _ = strings.Cut(key, "-")
		}
		if c.IdempotencyKey == "" {
			c.IdempotencyKey = key
		}
	}
	c.changed = sync.NewCond(&c.lock)
	return c
}

// Cancelled says whether the host no longer wants the result.
func (c *Context) Cancelled() bool { return c.done.Err() != nil }

// CheckCancelled gives a failure of kind cancelled where the host no longer wants the result.
func (c *Context) CheckCancelled() error {
	if c.Cancelled() {
		return Fail(Cancelled, "cancelled by the host")
	}
	return nil
}

// Context is the same for functions that take one: it ends when the host no longer wants the result.
func (c *Context) Context() context.Context { return c.done }

// Workspace is the folder of this node's files, which the host sees too.
func (c *Context) Workspace() string {
	if folder := os.Getenv("AKAO_WORKSPACE"); folder != "" {
		return folder
	}
	return "/workspace"
}

// Progress tells how far the work is, 0 to 1 or Unknown. Between two that are sent lie 100 ms; the last one always goes out.
func (c *Context) Progress(fraction float64, message string) {
	params := map[string]any{"id": c.id, "message": message}
	if fraction >= 0 {
		params["fraction"] = fraction
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	now := time.Now()
	if now.Sub(c.progressAt) < progressInterval {
		c.progressHeld = params
		return
	}
	c.progressAt = now
	c.progressHeld = nil
	_ = c.session.notify("$/progress", params)
}

// progressLast sends a progress that still waits for its turn.
func (c *Context) progressLast() {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.progressHeld != nil {
		_ = c.session.notify("$/progress", c.progressHeld)
		c.progressHeld = nil
	}
}

// Log writes a log line of this call.
func (c *Context) Log(level Level, message string, fields map[string]any) error {
	if fields == nil {
		fields = map[string]any{}
	}
	return c.session.notify("$/log", map[string]any{"id": c.id, "level": level, "message": message, "fields": fields})
}

// Output sends text on a stream, waiting for the host's credit.
//
// Bytes that are not UTF-8 become the character U+FFFD before they are counted, as they would in the message.
func (c *Context) Output(stream, chunk string) error {
	chunk = strings.ToValidUTF8(chunk, string(utf8.RuneError))
	for len(chunk) > 0 {
		end, err := c.takeCredit(stream, chunk)
		if err != nil {
			return err
		}
		params := map[string]any{"id": c.id, "stream": stream, "chunk": chunk[:end]}
		if err := c.session.notify("$/output", params); err != nil {
			return err
		}
		chunk = chunk[end:]
	}
	return nil
}

// Secret is the value of a secret that the node was granted.
func (c *Context) Secret(name string) (string, error) {
	result, err := c.session.call(c, "host.secret", map[string]any{"name": name})
	if err != nil {
		return "", err
	}
	value, _ := asString(asObject(result)["value"])
	return value, nil
}

// StateGet reads the value that was kept under a key for this node and tenant; nothing was kept where the value is null.
func (c *Context) StateGet(key string) (json.RawMessage, error) {
	result, err := c.session.call(c, "host.state.get", map[string]any{"key": key})
	if err != nil {
		return nil, err
	}
	if value := asObject(result)["value"]; value != nil {
		return value, nil
	}
	return json.RawMessage("null"), nil
}

// StatePut keeps a small value under a key for this node and tenant.
func (c *Context) StatePut(key string, value any) error {
	_, err := c.session.call(c, "host.state.put", map[string]any{"key": key, "value": value})
	return err
}

// BlobPut hands a file of the workspace over and gives the reference that outputs may hold.
func (c *Context) BlobPut(path string) (Blob, error) { return c.BlobPutAs(path, "") }

// BlobPutAs is BlobPut of a file of that media type; without one it is application/octet-stream.
func (c *Context) BlobPutAs(path, mediaType string) (Blob, error) {
	inside, err := c.inside(path)
	if err != nil {
		return nil, err
	}
	params := map[string]any{"path": inside}
	if mediaType != "" {
		params["media_type"] = mediaType
	}
	return c.session.call(c, "host.blob.put", params)
}

// BlobGet asks for a blob as the file `path` of the workspace and gives the file's full path.
func (c *Context) BlobGet(blob Blob, path string) (string, error) {
	inside, err := c.inside(path)
	if err != nil {
		return "", err
	}
	_, err = c.session.call(c, "host.blob.get", map[string]any{"blob": blob, "path": inside})
	return filepath.Join(c.Workspace(), inside), err
}

func (c *Context) inside(path string) (string, error) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(c.Workspace(), path)
	}
	inside, err := filepath.Rel(c.Workspace(), full)
	if err != nil || inside == "." || inside == ".." || strings.HasPrefix(inside, "../") {
		return "", Fail(Input, "the file `%s` is not inside the workspace", path)
	}
	return inside, nil
}

// openStream gives a stream its first credit. The lock is held.
func (c *Context) openStream(stream string) {
	if c.credit == nil {
		c.credit = map[string]int{}
	}
	if _, isThere := c.credit[stream]; !isThere {
		c.credit[stream] = creditBytesStart
	}
}

// takeCredit waits for credit and gives the end of the piece that it was taken for. It is taken in the moment in which it is
// found, so that goroutines which write to one stream do not spend it twice.
func (c *Context) takeCredit(stream, chunk string) (int, error) {
	_, first := utf8.DecodeRuneInString(chunk)
	c.lock.Lock()
	defer c.lock.Unlock()
	c.openStream(stream)
	for !c.Cancelled() && c.credit[stream] < first {
		c.changed.Wait()
	}
	if err := c.CheckCancelled(); err != nil {
		return 0, err
	}
	end := smallest(len(chunk), c.credit[stream], chunkBytesMax)
	for end < len(chunk) && !utf8.RuneStart(chunk[end]) {
		end--
	}
	c.credit[stream] -= end
	return end, nil
}

func (c *Context) grant(stream string, bytes int) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.openStream(stream)
	c.credit[stream] += bytes
	c.changed.Broadcast()
}

// stop tells the work that nobody wants its result.
func (c *Context) stop() {
	c.cancel()
	c.lock.Lock()
	defer c.lock.Unlock()
	c.changed.Broadcast()
}

func smallest(first int, others ...int) int {
	for _, other := range others {
		if other < first {
			first = other
		}
	}
	return first
}
