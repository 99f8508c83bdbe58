package terminal

import (
	"fmt"
	"io"

	"example.com/ringback/spec/pos"
)

// read waits for one frame, lets another goroutine wait for the next and handles its own. An idle connection thus never
// holds a stack that has grown in handling; and where the frame stands in its lane is settled before the next is read.
func (c *conn) read() {
	c.rest()
	got, err := c.await()
	if err != nil {
		c.end(err)
		return
	}
	q, err := c.next(got)
	if err != nil {
		c.end(err)
		return
	}
	if q == nil {
		c.server.work.Go(c.read)
		return
	}
	turn := c.admit(q)
	c.server.work.Go(c.read)
	c.server.dispatch(q, turn)
}

// await waits for the first byte of a frame, which may be long, and returns how many bytes of the length came. It waits
// for a slot before: a peer that sends without taking answers is held by TCP, not by memory. Idle connections wait
// here, a few frames deep, so that 2 KiB of stack are enough.
func (c *conn) await() (got int, err error) {
	c.slots <- struct{}{}
	if err := c.allow(c.server.limits.IdleTimeout); err != nil {
		return 0, err
	}
	if got = c.takeAhead(c.prefix[:]); got > 0 {
		return got, nil
	}
	for got == 0 && err == nil {
		got, err = c.nc.Read(c.prefix[:])
	}
	if got > 0 {
		return got, nil // an error with it will come again
	}
	return 0, err
}

// next reads the rest of a frame; nil: it gets no answer.
func (c *conn) next(got int) (q *session, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.server.panicked(p, "")
			err = errPanic
		}
	}()
	buf, frame, err := c.readFrame(got)
	if err != nil {
		return nil, err
	}
	c.server.counters.frames.Add(1)
	q = newSession(c, buf, frame)
	if !q.answerable() {
		q.release()
		<-c.slots
		return nil, c.drop()
	}
	c.bad = 0
	c.pending.Add(1)
	return q, nil
}

// drop counts a frame that gets no answer; the error says that it was one too many in a row.
func (c *conn) drop() error {
	c.server.counters.dropped.Add(1)
	if c.bad++; int(c.bad) >= c.server.limits.BadFrames {
		return errBadFrames
	}
	return nil
}

// readFrame returns the frame, got bytes of whose length have come, without that length. The buffer is taken only once
// the length is in range. What came behind the frame in the same read is kept for the next.
func (c *conn) readFrame(got int) (*buffer, []byte, error) {
	if err := c.allow(c.server.limits.FrameTimeout); err != nil {
		return nil, nil, err
	}
	got += c.takeAhead(c.prefix[got:])
	if _, err := io.ReadFull(c.nc, c.prefix[got:]); err != nil {
		return nil, nil, inside(err)
	}
	n := int(c.prefix[0])<<8 | int(c.prefix[1])
	if n < pos.MinFrame || n > pos.MaxFrame {
		return nil, nil, fmt.Errorf("%w: %d", pos.ErrFrameLength, n)
	}
	buf := c.server.buffers.Get().(*buffer)
	have := c.takeAhead(buf[:n])
	if have < n {
		more, err := io.ReadAtLeast(c.nc, buf[have:], n-have)
		if have += more; err != nil {
			c.putBack(buf, have)
			return nil, nil, inside(err)
		}
		c.keepAhead(buf[n:have])
	}
	return buf, buf[:n], nil
}

// keepAhead keeps bytes that were read behind a frame, and empties where they were.
func (c *conn) keepAhead(b []byte) {
	if len(b) == 0 {
		return
	}
	c.ahead = c.server.buffers.Get().(*buffer)
	c.from, c.to = 0, uint16(copy(c.ahead[:], b)) // a buffer is shorter than that can say
	clear(b)
}

// takeAhead moves bytes that were read ahead into b and returns how many. No buffer is held for none.
func (c *conn) takeAhead(b []byte) (n int) {
	if c.ahead == nil {
		return 0
	}
	n = copy(b, c.ahead[c.from:c.to])
	if c.from += uint16(n); c.from == c.to {
		c.dropAhead()
	}
	return n
}

// dropAhead gives back the buffer of what was read ahead.
func (c *conn) dropAhead() {
	if c.ahead != nil {
		c.putBack(c.ahead, int(c.to))
		c.ahead = nil
	}
}

// putBack gives a buffer back whose first n bytes were used, emptied of track and PIN block.
func (c *conn) putBack(b *buffer, n int) {
	clear(b[:n])
	c.server.buffers.Put(b)
}
