package mockhost

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/ringback/spec/clearing"
	"example.com/ringback/spec/cups"
)

// fileBatch is the batch in the name of every detail file: there is one a day.
const fileBatch = "01"

// fileClosed writes the detail files of all dates that have ended and have none, in the folder of each member under
// Config.ClearingDir, and returns their names. A file is complete when it appears under its name, unless a fault wants it
// otherwise; one that a fault delays comes later by itself. A date on which nothing happened has no file. The
// caller holds filing.
func (h *Host) fileClosed(ctx context.Context) (names []string, err error) {
	if h.cfg.ClearingDir == "" {
		return nil, nil
	}
	for _, b := range h.toFile() {
		if err := ctx.Err(); err != nil {
			return names, err
		}
		if d := h.cfg.clearingDelay(FileLate); d > 0 {
			h.fileLater(b, d)
			continue
		}
		name, err := h.file(b, h.cfg.ClearingFaults)
		if err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// release lets the next one write detail files.
func (h *Host) release() { <-h.filing }

// toFile lists the books whose files are due; none of them changes any more.
func (h *Host) toFile() []*book {
	date := h.settlementDate()
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	var list []*book
	for _, b := range h.ledger.closed(date) {
		if !b.waiting {
			list = append(list, b)
		}
	}
	return list
}

// fileLater writes a file after a delay.
func (h *Host) fileLater(b *book, d time.Duration) {
	b.waiting = true
	h.goes(func() {
		if !h.pause(d) {
			return
		}
		h.filing <- struct{}{}
		defer h.release()
		if _, err := h.file(b, h.cfg.ClearingFaults); err != nil {
			h.cfg.Log.Error().Err(err).Msg("detail file")
		}
	})
}

// WriteDetail writes the detail files of a date, YYYYMMDD, again, without any fault: what a host does when a member
// found its file to be wrong. It returns their names.
func (h *Host) WriteDetail(date string) (names []string, err error) {
	h.filing <- struct{}{}
	defer h.release()
	for _, b := range h.booksOf(date) {
		name, err := h.file(b, nil)
		if err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// booksOf lists the books of a date that has ended.
func (h *Host) booksOf(date string) (list []*book) {
	today := h.settlementDate()
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	for key, b := range h.ledger.books {
		if key.date == date && date < today && len(b.lines) > 0 {
			list = append(list, b)
		}
	}
	return list
}

// file writes one detail file and notes that it is there. The caller holds filing.
func (h *Host) file(b *book, faults []ClearingFault) (string, error) {
	date, err := time.Parse(settlementLayout, b.date)
	if err != nil {
		return "", fmt.Errorf("detail file: %w", err)
	}
	dir := filepath.Join(h.cfg.ClearingDir, b.institution)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("detail file: %w", err)
	}
	name := filepath.Join(dir, clearing.Name{Date: date, Batch: fileBatch}.String())
	part := name + ".part"
	if err := h.writePart(part, b, faults); err != nil {
		return "", fmt.Errorf("detail file: %w", err)
	}
	if err := h.publish(part, name, faults); err != nil {
		return "", fmt.Errorf("detail file: %w", err)
	}
	h.ledger.mu.Lock()
	if !b.filed {
		h.ledger.commit(record{Kind: kindFiled, Date: b.date, Institution: b.institution})
	}
	h.ledger.mu.Unlock()
	h.cfg.Log.Info().Str("file", filepath.Base(name)).Int("lines", len(b.lines)).Msg("detail file")
	return name, h.journal.wait(h.journal.latest())
}

// publish gives a file that is complete its name, and makes that durable. The faults half and cut show the first half
// under the name before, or instead.
func (h *Host) publish(part, name string, faults []ClearingFault) error {
	if f, ok := findFault(faults, FileCut); ok {
		return errors.Join(copyHalf(part, name), os.Remove(part), f.check())
	}
	if f, ok := findFault(faults, FileHalf); ok {
		if err := copyHalf(part, name); err != nil {
			return err
		}
		h.pause(f.delay())
	}
	if err := os.Rename(part, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// copyHalf writes the first half of a file under another name.
func copyHalf(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b[:len(b)/2], 0o600)
}

func (h *Host) writePart(part string, b *book, faults []ClearingFault) error {
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	err = h.writeLines(out, b, plan(faults, h.cfg.Seed, b.date, len(b.lines)))
	return errors.Join(err, out.Flush(), file.Sync(), file.Close())
}

// writeLines writes a book's lines, and what the faults make of them.
func (h *Host) writeLines(out io.Writer, b *book, faults map[int]ClearingKind) error {
	edition := h.cfg.edition()
	var buf []byte
	for i, line := range b.lines {
		buf = buf[:0]
		for _, r := range faults[i].distort(h.detailLine(line)) {
			var err error
			if buf, err = r.Append(buf, edition); err != nil {
				return err
			}
			buf = append(buf, '\n')
		}
		if _, err := out.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// detailLine is one line of a detail file, in full.
func (h *Host) detailLine(line bookLine) clearing.Record {
	e := line.entry
	if len(e.key) != hostKeyLen || line.own != "" && len(line.own) != hostKeyLen {
		return clearing.Record{} // of a log that nobody wrote; it cannot be written either
	}
	issuer := h.ledger.institutionOf(e.pan)
	r := clearing.Record{
		Acquirer: acquirerOf(e), Forwarder: e.institution, Trace: e.key[:6], Time: e.key[6:16],
		Card: clearing.NewPAN(e.pan), Amount: e.fen, MTI: cups.MTIDebit, Processing: cups.ProcTransfer,
		MerchantType: e.merchantType, Terminal: e.terminal, Merchant: e.merchant, Reference: e.reference,
		Condition: cups.CondNormal, AuthCode: e.auth, Receiver: issuer, Response: codeApproved, EntryMode: e.entryMode,
		Issuer: issuer, Credited: clearing.NewPAN(e.payee),
	}
	if line.own != "" {
		r.MTI, r.OriginalTrace, r.OriginalTime = cups.MTIReversal, r.Trace, r.Time
		r.Trace, r.Time = line.own[:6], line.own[6:16]
	}
	return r
}

// acquirerOf is F32 of a debit. The host key has it with zeros in front; as a rule it is F33.
func acquirerOf(e *entry) string {
	filled := e.key[16:27]
	if filled == e.key[27:] {
		return e.institution
	}
	return strings.TrimLeft(filled, "0")
}

// institutionOf is the issuer's code of a card; "" if it has none.
func (l *ledger) institutionOf(pan string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[pan]; a != nil {
		return a.Institution
	}
	return ""
}
