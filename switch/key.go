package acquirer

import (
	"fmt"
	"time"
)

// KeyUsage says the one thing a key may be used for. The security module refuses any other use.
type KeyUsage byte

// The usages. A terminal's working keys travel under its TMK, a zone's under its ZMK.
const (
	UsageTMK KeyUsage = 'T' // terminal master key
	UsagePIK KeyUsage = 'P' // terminal PIN key, from sign-on
	UsageMAK KeyUsage = 'M' // terminal MAC key, from sign-on
	UsageTDK KeyUsage = 'D' // terminal track key, from sign-on 004
	UsageZMK KeyUsage = 'Z' // zone master key, agreed with the host
	UsageZPK KeyUsage = 'p' // zone PIN key, from a key reset
	UsageZAK KeyUsage = 'm' // zone MAC key, from a key reset
)

// Cipher is the algorithm of a key, with the key's length. It is an attribute of the key: its block holds it, and a key
// is never used with another.
type Cipher string

// The ciphers.
const (
	CipherDES  Cipher = "des"  // single DES, 8 bytes
	CipherTDES Cipher = "3des" // two-key triple DES, 16 bytes
	CipherSM4  Cipher = "sm4"  // SM4 (GB/T 32907), 16 bytes; a terminal's keys only
)

// KeyBlock is a key wrapped under the local master key. It is opaque outside the security module, bound to its
// usage, and safe to store. The zero value means no key.
type KeyBlock struct {
	Usage KeyUsage
	Blob  string // wrapped bytes; a string so that blocks compare and key a cache
}

// Zero reports whether there is no key.
func (k KeyBlock) Zero() bool { return k.Blob == "" }

// Format prints the usage only: a wrapped key has no business in a log.
func (k KeyBlock) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "[%c]", rune(k.Usage|0x20)) }

// MACAlgorithm names how F64 is computed on a terminal's line.
type MACAlgorithm string

// The algorithms of the terminal dialect (dialect page, section 6).
const (
	MACECB  MACAlgorithm = "ecb"  // CUP "ECB": eight upper-case hexadecimal characters
	MACX919 MACAlgorithm = "x919" // ANSI X9.19, with an SM4 key CBC-MAC: eight binary bytes
)

// WrappedKey is a working key as it travels to a terminal: enciphered under the TMK with its check value.
type WrappedKey struct {
	Enciphered []byte  // 8 or 16 bytes, ECB under the TMK with the TMK's cipher
	Check      [4]byte // first four bytes of a block of zero bytes enciphered under the key
}

// HSM is the payment security module. Every key goes in and out as a [KeyBlock]; no method returns a clear PIN or a
// clear working key. All methods are safe for concurrent use. An error of kind [ErrKey] means that a block was
// altered, is of another usage or belongs to another local master key.
type HSM interface {
	// GenerateKey makes a key for usage from the system's random source.
	GenerateKey(usage KeyUsage, cipher Cipher) (KeyBlock, error)
	// WrapKey takes a clear key that an operator or a key file brought in.
	WrapKey(usage KeyUsage, cipher Cipher, key Key) (KeyBlock, error)
	// NewTMK makes a terminal master key of 16 bytes and returns it once in clear for the operator.
	NewTMK(cipher Cipher) (Key, KeyBlock, error)
	// ExportKey enciphers a terminal's working key under its TMK, ECB. DES keys travel under a triple DES one, SM4
	// keys under an SM4 one; a zone's keys come from the host and do not leave.
	ExportKey(key, under KeyBlock) (WrappedKey, error)
	// ImportKey deciphers a key that arrived under the master key under and checks its check value in constant
	// time; a wrong one is refused with [ErrCheckValue]. Its cipher is SM4 under an SM4 key, else as it is long.
	ImportKey(usage KeyUsage, under KeyBlock, key WrappedKey) (KeyBlock, error)
	// CheckValue returns the check value of key: a block of zero bytes enciphered, the first four bytes.
	CheckValue(key KeyBlock) ([4]byte, error)
	// TranslatePIN re-enciphers a PIN block from a PIK to a ZPK without showing it: from format 0, or under an SM4
	// key from its form of 16 bytes, to format 0. A block that does not open to a well-formed PIN for pan, or is not
	// as long as a block of its key's cipher, is refused with [ErrPINFormat].
	TranslatePIN(block PINBlock, from, to KeyBlock, pan PAN) (PINBlock, error)
	// MAC computes the terminal-line MAC (F64) over data; the array holds what goes on the wire.
	MAC(mak KeyBlock, alg MACAlgorithm, data []byte) ([8]byte, error)
	// VerifyMAC compares in constant time; a mismatch is [ErrMAC].
	VerifyMAC(mak KeyBlock, alg MACAlgorithm, data []byte, mac [8]byte) error
	// ZoneMAC computes the host-line MAC in full: X9.9 for a single-length ZAK, X9.19 for a double-length one.
	ZoneMAC(zak KeyBlock, text []byte) ([8]byte, error)
	// KeyResetMAC computes the MAC of a key reset (0800) or its answer (0810) under the very key that the reset brings,
	// a ZPK or a ZAK (host dialect page, section 3.3), in full. It is the only MAC that a ZPK computes: any other text is
	// refused.
	KeyResetMAC(fresh KeyBlock, text []byte) ([8]byte, error)
	// SealConfirmation enciphers and authenticates plain, bound to bound, under the confirmation key of the hour
	// of at. nonce must be 12 bytes and never repeat.
	SealConfirmation(at time.Time, nonce, plain, bound []byte) ([]byte, error)
	// OpenConfirmation reverses SealConfirmation with the key of the hour of now or of the hour before it; any
	// other key, an altered text or another bound is [ErrConfirmation].
	OpenConfirmation(now time.Time, nonce, sealed, bound []byte) ([]byte, error)
}
