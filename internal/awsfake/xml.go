package awsfake

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"
)

// xmlWriter builds one answer. It writes the few shapes that the query
// protocol has, without reflection: a page of a thousand users is made often.
type xmlWriter struct {
	buf    []byte
	action string
	result bool // a result element is open
}

// start begins the answer to a call.
func (x *xmlWriter) start(api *api, call *Call) {
	x.buf, x.action, x.result = x.buf[:0], call.Action, false
	x.add("<", call.Action, `Response xmlns="`, api.namespace, `">`)
}

// openResult begins the answer's result; an action that writes none has none.
func (x *xmlWriter) openResult() {
	x.add("<", x.action, "Result>")
	x.result = true
}

// finish ends the answer to a call that went well.
func (x *xmlWriter) finish(call *Call) {
	if x.result {
		x.add("</", call.Action, "Result>")
	}
	x.add("<ResponseMetadata>")
	x.text("RequestId", requestID(call.Seq))
	x.add("</ResponseMetadata></", call.Action, "Response>")
}

// fail makes the answer an error.
func (x *xmlWriter) fail(api *api, call *Call, e *apiError) {
	x.buf = x.buf[:0]
	x.add(`<ErrorResponse xmlns="`, api.namespace, `"><Error>`)
	fault := "Sender"
	if e.status >= 500 {
		fault = "Receiver"
	}
	x.text("Type", fault)
	x.text("Code", e.code)
	x.text("Message", e.message)
	x.add("</Error>")
	x.text("RequestId", requestID(call.Seq))
	x.add("</ErrorResponse>")
}

// raw makes the answer this text.
func (x *xmlWriter) raw(body string) { x.buf = append(x.buf[:0], body...) }

// add writes markup.
func (x *xmlWriter) add(parts ...string) {
	for _, part := range parts {
		x.buf = append(x.buf, part...)
	}
}

func (x *xmlWriter) open(tag string)  { x.add("<", tag, ">") }
func (x *xmlWriter) close(tag string) { x.add("</", tag, ">") }

// text writes an element that holds text.
func (x *xmlWriter) text(tag, value string) {
	x.open(tag)
	x.escape(value)
	x.close(tag)
}

// truncated says whether there are more pages.
func (x *xmlWriter) truncated(more bool) { x.text("IsTruncated", strconv.FormatBool(more)) }

// time writes an element that holds a moment, in UTC and to the second.
func (x *xmlWriter) time(tag string, value time.Time) {
	x.open(tag)
	x.buf = value.UTC().AppendFormat(x.buf, "2006-01-02T15:04:05Z")
	x.close(tag)
}

// escape writes text so that it reads back as it was. What XML cannot hold
// becomes U+FFFD.
func (x *xmlWriter) escape(value string) {
	if isPlain(value) {
		x.buf = append(x.buf, value...)
		return
	}
	for _, r := range value {
		switch r {
		case '&':
			x.add("&amp;")
		case '<':
			x.add("&lt;")
		case '>':
			x.add("&gt;")
		case '"':
			x.add("&#34;")
		case '\'':
			x.add("&#39;")
		case '\t':
			x.add("&#x9;")
		case '\n':
			x.add("&#xA;")
		case '\r':
			x.add("&#xD;")
		default:
			if r < ' ' || r == 0xFFFE || r == 0xFFFF {
				r = utf8.RuneError
			}
			x.buf = utf8.AppendRune(x.buf, r)
		}
	}
}

// isPlain says that text is ASCII with nothing in it to escape.
func isPlain(value string) bool {
	for i := range len(value) {
		switch c := value[i]; {
		case c < ' ', c > '~', c == '&', c == '<', c == '>', c == '"', c == '\'':
			return false
		}
	}
	return true
}

// requestID names a call, in the form of a UUID.
func requestID(seq int) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], uint64(seq)) //nolint:gosec // counts from one
	id[6], id[8] = 0x40, id[8]|0x80
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
