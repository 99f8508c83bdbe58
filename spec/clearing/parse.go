package clearing

import "bytes"

// Parse reads a line without its line end, of whichever edition its length says. The error is a [BadLine] without a
// number; the record shares nothing with line.
func Parse(line []byte) (Record, Edition, error) {
	var r Record
	e, err := r.parse(line)
	return r, e, err
}

// parse is [Parse] into a record whose memory may be used again; after an error there is nothing in it to be used.
func (r *Record) parse(line []byte) (Edition, error) {
	*r = Record{}
	e := Edition(len(line))
	if e != Short && e != Long {
		return 0, &BadLine{Reason: lengthReason(line)}
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return e, &BadLine{Reason: ReasonNUL}
	}
	text := string(line) // the one piece of memory that the record's strings share
	from := 0
	for i := range e.columns() {
		c := &columns[i]
		end := from + c.width
		reason := c.check(line[from:end])
		if reason == 0 && end < len(line) && line[end] != ' ' {
			reason = ReasonSeparator
		}
		if reason != 0 {
			return e, &BadLine{Column: c.name, Reason: reason}
		}
		c.take(r, text[from:end])
		from = end + 1
	}
	return e, nil
}

func lengthReason(line []byte) Reason {
	switch {
	case len(line) == 0:
		return ReasonEmpty
	case bytes.IndexByte(line, 0) >= 0:
		return ReasonNUL
	}
	return ReasonLength
}

// take stores the value of a column that has passed check.
func (c *column) take(r *Record, text string) {
	end := len(text)
	for end > 0 && text[end-1] == ' ' {
		end--
	}
	text = text[:end]
	if c.text != nil {
		*c.text(r) = text
		return
	}
	sign := int64(1)
	if text != "" && text[0] > '9' {
		if text[0] == 'D' {
			sign = -1
		}
		text = text[1:]
	}
	var n int64
	for i := range len(text) {
		n = n*10 + int64(text[i]-'0') // at most 12 digits, and nothing else passes check
	}
	*c.fen(r) = sign * n
}
