package mockhost

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// ErrLog is the error of Open for a log that cannot be believed: damaged before
// its end, written by another edition or under another master key, or with a
// record that does not follow from those before it.
var ErrLog = errors.New("ledger log cannot be used")

// logVersion is the edition of the log.
const logVersion = 1

// sumDigits is the width of the CRC32C in front of each record, in hex digits.
const sumDigits = 8

// kind tells what a record says.
type kind string

const (
	kindOpen     kind = "open"     // first record: Version, Check
	kindAccount  kind = "account"  // a card becomes known: PAN, Fen
	kindDebit    kind = "debit"    // money was held: Key, PAN, Payee, Fen and what clearing needs
	kindRefused  kind = "refused"  // a debit was declined: Key, PAN, Fen, Code
	kindReversal kind = "reversal" // a debit was undone: Key of the debit, Own, Date
	kindUnknown  kind = "unknown"  // a reversal came before its debit: Key of the debit
	kindAttempt  kind = "attempt"  // a reversal or an order came that a fault may strike: its own Key
	kindCutoff   kind = "cutoff"   // the settlement date moves: Date
	kindBalanced kind = "balanced" // a 0520 agreed: Date, Institution, Count of the lines that it was about
	kindPayout   kind = "payout"   // what became of a debit's money: Key of the debit, Own, Date, Code; ordered: Order, Payee
	kindTold     kind = "told"     // the member knows of that: Key of the debit
	kindFiled    kind = "filed"    // a detail file is there: Date, Institution
	kindOffer    kind = "offer"    // a zone key goes out: Institution, KeyKind, Wrapped
	kindKey      kind = "key"      // that zone key is in use: the same, and At
)

// record is one line of the log. Fields that a kind does not name are empty.
type record struct {
	Kind        kind   `json:"t"`
	At          int64  `json:"at,omitempty"` // Unix milliseconds
	Version     int    `json:"version,omitempty"`
	Check       string `json:"check,omitempty"` // check value of the master key, hex
	Key         string `json:"key,omitempty"`   // host key: F11, F7, F32, F33, 38 digits
	PAN         string `json:"pan,omitempty"`
	Payee       string `json:"payee,omitempty"` // F103
	Fen         int64  `json:"fen,omitempty"`
	Code        string `json:"code,omitempty"` // F39
	Auth        string `json:"auth,omitempty"` // F38
	Date        string `json:"date,omitempty"` // settlement date, YYYYMMDD
	Reference   string `json:"rrn,omitempty"`  // F37
	Terminal    string `json:"terminal,omitempty"`
	Merchant    string `json:"merchant,omitempty"`
	Type        string `json:"mcc,omitempty"`   // F18
	Entry       string `json:"entry,omitempty"` // F22
	Institution string `json:"institution,omitempty"`
	Own         string `json:"own,omitempty"`   // host key of a reversal; F11 and F7 of a 0220
	Order       string `json:"order,omitempty"` // host key of the 0200 that ordered a payout
	Count       int    `json:"count,omitempty"`
	KeyKind     string `json:"keykind,omitempty"`
	Wrapped     string `json:"wrapped,omitempty"` // zone key under the master key, hex
}

// appendRecord writes a record as a line: CRC32C of the text in hex, a blank,
// the text as JSON, a line end.
func appendRecord(dst []byte, r record) []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	dst = fmt.Appendf(dst, "%08x ", checksum(text))
	return append(append(dst, text...), '\n')
}

// parseRecord reads a line with its line end. sound is whether the checksum is
// right; err whether a sound line cannot be read, which no crash explains.
func parseRecord(line []byte) (r record, sound bool, err error) {
	text, ended := bytes.CutSuffix(line, []byte{'\n'})
	if !ended || len(text) <= sumDigits || text[sumDigits] != ' ' {
		return record{}, false, nil
	}
	sum, err := strconv.ParseUint(string(text[:sumDigits]), 16, 32)
	text = text[sumDigits+1:]
	if err != nil || uint32(sum) != checksum(text) {
		return record{}, false, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return record{}, true, fmt.Errorf("%w: a record is not of this edition", ErrLog)
	}
	return r, true, nil
}

// checksum is CRC32C. The table is made once by the library.
func checksum(text []byte) uint32 {
	return crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))
}

// replay gives every record of a log to apply, in order, and returns how many
// bytes of the log are sound. A broken record at the end, with nothing sound
// after it, is what a crash leaves: its bytes are not counted. One in the middle
// is damage and gives ErrLog: to cut there would lose what was acknowledged.
func replay(log io.Reader, apply func(record) error) (size int64, err error) {
	in := bufio.NewReaderSize(log, MaxRecord)
	torn := false
	for {
		line, readErr := in.ReadSlice('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) && !errors.Is(readErr, bufio.ErrBufferFull) {
			return size, fmt.Errorf("read the ledger log: %w", readErr)
		}
		r, sound, err := parseRecord(line)
		switch {
		case err != nil:
			return size, err
		case sound && torn:
			return size, fmt.Errorf("%w: damaged at byte %d", ErrLog, size)
		case !sound:
			torn = true
		default:
			if err := apply(r); err != nil {
				return size, fmt.Errorf("byte %d: %w", size, err)
			}
			size += int64(len(line))
		}
		if errors.Is(readErr, io.EOF) {
			return size, nil
		}
	}
}
