package terminal

import "time"

// send queues the answer to q, with its length in front; nil means that q gets none. It never waits for the peer. When
// it returns true the caller must see to it that flush runs.
func (c *conn) send(q *session, answer []byte) (mustFlush bool) {
	q.release()
	if answer == nil {
		c.finish()
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outbox = append(c.outbox, answer)
	mustFlush = !c.writing
	c.writing = true
	return mustFlush
}

// flush writes queued answers until there are none. At most one goroutine runs it.
func (c *conn) flush() {
	for {
		batch := c.take()
		if batch == nil {
			return
		}
		for _, answer := range batch {
			c.write(answer)
			c.finish()
		}
	}
}

// take returns what is queued; nil: nothing is, and the caller no longer runs flush.
func (c *conn) take() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := c.outbox
	c.outbox = nil
	c.writing = batch != nil
	return batch
}

// write sends one answer. A peer that does not take it in time loses its connection, and only that: whatever the
// answer said is in the journal, and the terminal asks again or undoes.
func (c *conn) write(answer []byte) {
	if c.broken {
		return
	}
	err := c.nc.SetWriteDeadline(time.Now().Add(c.server.limits.WriteTimeout))
	if err == nil {
		_, err = c.nc.Write(answer)
	}
	if err != nil {
		c.broken = true
		c.server.noisy.Info().Stringer("peer", c.nc.RemoteAddr()).Err(err).Msg("connection closed: an answer cannot be written")
		c.abort()
	}
}

// finish gives the slot of a request back.
func (c *conn) finish() {
	<-c.slots
	c.pending.Done()
}
