// Package hsm is Ringback's payment security module in software: it keeps every key wrapped under a local master
// key and answers with results, never with a clear PIN or a clear working key.
//
// A [Module] implements [acquirer.HSM], the verbs of both wires, and [acquirer.Vault], the keys of the store. All
// of them hang from one [MasterKey], 32 bytes in a file that only the switch's user may read. From it keys are
// derived with HKDF-SHA-256 (RFC 5869), one for each purpose, so that no key serves two. A [Rotation] wraps anew under
// one master key what another one wrapped.
//
// A key block is TR-31 (ANSI X9.143) version D. Its header says what the key is for and of which algorithm, and the
// MAC covers it: a block that was altered, that is declared as another usage or that another master key made does not
// open: [acquirer.ErrKey]. Each verb takes blocks of one usage only. DES and SM4 keys are told apart by their blocks.
//
// It runs in the memory of the switch, and whoever reads that memory has the keys. It is for test, for pilots and
// for operators who accept this; a production switch puts a certified module behind the same two interfaces.
package hsm
