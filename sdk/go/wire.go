package akao

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	messageBytesMax = 1_048_576
	depthMax        = 64
	integerMax      = 1<<53 - 1
	readBytes       = 65_536
	// Sets of keys up to this many are searched one by one.
	keysSearched = 8
	flushMax     = 2 * time.Second
)

// lines cuts what is read into lines of at most messageBytesMax.
type lines struct {
	source io.Reader
	buffer []byte
	from   int
	err    error
}

// next is the next line; it stays valid until the next call. At the end it gives io.EOF, io.ErrUnexpectedEOF in the middle
// of a line, and a fault where a line is too long.
func (l *lines) next() ([]byte, error) {
	searched := l.from
	for {
		if end := bytes.IndexByte(l.buffer[searched:], '\n'); end >= 0 {
			line := l.buffer[l.from : searched+end]
			l.from = searched + end + 1
			if len(line) > messageBytesMax {
				return nil, errTooLong
			}
			return line, nil
		}
		if len(l.buffer)-l.from > messageBytesMax {
			return nil, errTooLong
		}
		if l.err != nil {
			if len(l.buffer) > l.from {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, io.EOF
		}
		searched = l.fill()
	}
}

// fill reads more and gives the place where new bytes begin.
func (l *lines) fill() int {
	if l.from > 0 {
		l.buffer = append(l.buffer[:0], l.buffer[l.from:]...)
		l.from = 0
	}
	length := len(l.buffer)
	if cap(l.buffer)-length < readBytes {
		grown := make([]byte, length, 2*cap(l.buffer)+readBytes)
		copy(grown, l.buffer)
		l.buffer = grown
	}
	count, err := l.source.Read(l.buffer[length : length+readBytes])
	l.buffer = l.buffer[:length+count]
	l.err = err
	return length
}

var errTooLong = refused(invalidRequest, "a message is longer than %d bytes", messageBytesMax)

// object is a JSON object whose values are not looked at yet.
type object map[string]json.RawMessage

// decode gives the object in a line of the host; a fault says what is wrong with it.
func decode(line []byte) (object, *fault) {
	if !utf8.Valid(line) {
		return nil, refused(parseError, "not a JSON document: not UTF-8")
	}
	if !json.Valid(line) {
		var value any
		return nil, refused(parseError, "not a JSON document: %v", json.Unmarshal(line, &value))
	}
	if problem := check(line); problem != "" {
		return nil, refused(parseError, "not a JSON document: %s", problem)
	}
	var message object
	if line[firstByte(line)] != '{' || json.Unmarshal(line, &message) != nil {
		return nil, refused(invalidRequest, "a message is an object")
	}
	return message, nil
}

func firstByte(line []byte) int {
	for index, c := range line {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return index
		}
	}
	return 0
}

// asObject gives the object in a value, or nothing where it is none.
func asObject(value json.RawMessage) object {
	var found object
	if len(value) == 0 || value[0] != '{' || json.Unmarshal(value, &found) != nil {
		return nil
	}
	return found
}

func asString(value json.RawMessage) (string, bool) {
	var found string
	isString := len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &found) == nil
	return found, isString
}

// frame is one open object or array.
type frame struct {
	isObject bool
	wantsKey bool
	keys     []string
	many     map[string]bool
}

func (f *frame) add(key string) (isNew bool) {
	if f.many != nil {
		isNew = !f.many[key]
		f.many[key] = true
		return isNew
	}
	for _, known := range f.keys {
		if known == key {
			return false
		}
	}
	f.keys = append(f.keys, key)
	if len(f.keys) > keysSearched {
		f.many = make(map[string]bool, 4*keysSearched)
		for _, known := range f.keys {
			f.many[known] = true
		}
	}
	return true
}

// check says what is wrong with a valid document beyond JSON's own rules: its depth, equal keys, halves of characters.
func check(data []byte) string {
	var stack []frame
	for at := 0; at < len(data); at++ {
		switch data[at] {
		case '{', '[':
			if len(stack) == depthMax {
				return "nested deeper than " + strconv.Itoa(depthMax)
			}
			isObject := data[at] == '{'
			stack = append(stack, frame{isObject: isObject, wantsKey: isObject})
		case '}', ']':
			stack = stack[:len(stack)-1]
		case ',':
			top := &stack[len(stack)-1]
			top.wantsKey = top.isObject
		case '"':
			end, hasEscapes := stringEnd(data, at)
			if hasEscapes && hasHalfCharacter(data[at:end]) {
				return "half of a surrogate pair"
			}
			if len(stack) > 0 && stack[len(stack)-1].wantsKey {
				key := string(data[at+1 : end-1])
				if hasEscapes {
					key, _ = asString(data[at:end])
				}
				if !stack[len(stack)-1].add(key) {
					return "the key `" + key + "` stands twice"
				}
				stack[len(stack)-1].wantsKey = false
			}
			at = end - 1
		}
	}
	return ""
}

// stringEnd is the index after the closing quotation mark of the string that begins at `from`.
func stringEnd(data []byte, from int) (end int, hasEscapes bool) {
	for at := from + 1; at < len(data); at++ {
		switch data[at] {
		case '\\':
			hasEscapes = true
			at++
		case '"':
			return at + 1, hasEscapes
		}
	}
	return len(data), hasEscapes
}

func hasHalfCharacter(text []byte) bool {
	for at := 0; at+5 < len(text); at++ {
		if text[at] != '\\' {
			continue
		}
		if text[at+1] == 'u' {
			unit := hexadecimal(text[at+2 : at+6])
			if unit >= 0xdc00 && unit <= 0xdfff {
				return true
			}
			if unit >= 0xd800 && unit <= 0xdbff {
				rest := text[at+6:]
				if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
					return true
				}
				if low := hexadecimal(rest[2:6]); low < 0xdc00 || low > 0xdfff {
					return true
				}
				at += 6
			}
		}
		at++
	}
	return false
}

func hexadecimal(digits []byte) uint64 {
	value, _ := strconv.ParseUint(string(digits), 16, 32)
	return value
}

// keysOf gives the keys of a valid object in their order.
func keysOf(data []byte) []string {
	var keys []string
	depth := 0
	wantsKey := false
	for at := 0; at < len(data); at++ {
		switch data[at] {
		case '{', '[':
			depth++
			wantsKey = depth == 1
		case '}', ']':
			depth--
		case ',':
			wantsKey = depth == 1
		case '"':
			end, _ := stringEnd(data, at)
			if wantsKey {
				key, _ := asString(data[at:end])
				keys = append(keys, key)
				wantsKey = false
			}
			at = end - 1
		}
	}
	return keys
}

// encode writes a value as JSON without a line feed and without escapes that only HTML needs.
func encode(value any) ([]byte, error) {
	var buffer bytes.Buffer
	if raw, isRaw := value.(json.RawMessage); isRaw && raw != nil {
		// It may be laid out on several lines, and a message is one.
		if err := json.Compact(&buffer, raw); err != nil {
			return nil, err
		}
	} else {
		encoder := json.NewEncoder(&buffer)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			return nil, err
		}
	}
	data := bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
	// What is raw within is written as it is.
	return bytes.ToValidUTF8(data, []byte(string(utf8.RuneError))), nil
}

// encodeOutputs writes a node's outputs, and refuses what a reader elsewhere would see differently.
func encodeOutputs(outputs any) ([]byte, error) {
	data, err := encode(outputs)
	if err != nil {
		return nil, Fail(Internal, "outputs cannot be written as JSON: %v", err)
	}
	if string(data) == "null" {
		return []byte("{}"), nil
	}
	if data[0] != '{' {
		return nil, Fail(Internal, "outputs are an object, this node returned %T", outputs)
	}
	if number := longInteger(data); number != "" {
		return nil, Fail(Internal, "outputs hold %s, an integer beyond 2^53, give it as a string", number)
	}
	return data, nil
}

// longInteger is an integer beyond 2^53 in a document, if there is one.
func longInteger(data []byte) string {
	for at := 0; at < len(data); at++ {
		switch c := data[at]; {
		case c == '"':
			end, _ := stringEnd(data, at)
			at = end - 1
		case c >= '0' && c <= '9':
			from := at
			for at < len(data) && strings.IndexByte("0123456789+-.eE", data[at]) >= 0 {
				at++
			}
			if number := string(data[from:at]); at-from >= 16 && isBeyond(number) {
				return number
			}
			at--
		}
	}
	return ""
}

// isBeyond says whether the text of a number is an integer that a double cannot hold exactly.
func isBeyond(number string) bool {
	if strings.ContainsAny(number, ".eE") {
		return false
	}
	value, err := strconv.ParseInt(number, 10, 64)
	return err != nil || value > integerMax || value < -integerMax
}

// isInteger says whether the text of a number means an integer.
func isInteger(number string) bool {
	if !strings.ContainsAny(number, ".eE") {
		return true
	}
	value, err := strconv.ParseFloat(number, 64)
	return err == nil && value == math.Trunc(value)
}

// writer writes lines; those that come while it writes are written together next.
type writer struct {
	lock     sync.Mutex
	target   io.Writer
	held     []byte
	isActive bool
}

// send writes a line, or leaves it to the one who is writing.
func (w *writer) send(line []byte) {
	w.lock.Lock()
	w.held = append(append(w.held, line...), '\n')
	for !w.isActive && len(w.held) > 0 {
		w.isActive = true
		batch := w.held
		w.held = nil
		w.lock.Unlock()
		// A host that is gone shows in the next read.
		_, _ = w.target.Write(batch)
		w.lock.Lock()
		w.isActive = false
	}
	w.lock.Unlock()
}

// flush waits until nothing is being written, and not for long: a host that reads no more is told no more.
func (w *writer) flush() {
	for until := time.Now().Add(flushMax); time.Now().Before(until); time.Sleep(time.Millisecond) {
		w.lock.Lock()
		isDone := !w.isActive && len(w.held) == 0
		w.lock.Unlock()
		if isDone {
			return
		}
	}
}
