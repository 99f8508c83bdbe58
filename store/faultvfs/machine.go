// Package faultvfs is a disk that fails on purpose, for tests of code that keeps its data in SQLite. A [Machine] is a
// folder whose SQLite files go through a VFS of its own: it logs every operation that changes the disk and fails those
// it was told to fail. A [Disk] plays the log and says what may be on the disk when the power goes.
//
// The VFS becomes the process's default at the first [New], so the code under test runs as it is, its options
// included; files outside a machine's folder are not affected. It must not be linked into a product.
//
// Modelled: writes and truncations stay in the kernel's cache until a sync of their file, and of what is not synced
// any subset of 512-byte sectors may reach the disk; a sync that fails, after which the kernel takes the pages for
// clean; the creation and deletion of files, durable in their order and only with a flush of the folder; a disk that is
// full, or that lies about syncs. Not modelled: sectors that hold neither the old nor the new bytes, writes that go
// elsewhere, bytes that rot, the shared-memory index (it is rebuilt after a crash).
package faultvfs

/*
#include "vfs.h"
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"path/filepath"
	"unsafe"

	_ "github.com/mattn/go-sqlite3" // brings the SQLite that vfs.c is linked to
)

// Machine is a computer with one folder of files. Its methods are safe for concurrent use, but History, Restart and
// Close want it to be idle. Restart also ends every fault.
type Machine struct{ c *C.fv_machine }

// New makes a folder a machine's disk. What lies in it is durable.
func New(folder string) (*Machine, error) {
	folder, err := filepath.EvalSymlinks(folder) // SQLite opens what links lead to
	if err != nil {
		return nil, err
	}
	name := C.CString(folder)
	defer C.free(unsafe.Pointer(name))
	m := C.fv_new(name)
	if m == nil {
		return nil, errors.New("faultvfs: SQLite did not take the VFS")
	}
	return &Machine{m}, nil
}

// Close forgets the machine; its files stay. It fails while one of them is open.
func (m *Machine) Close() error {
	if C.fv_free(m.c) == 0 {
		return errors.New("faultvfs: a file of the machine is open")
	}
	return nil
}

// Kill ends the process as a signal does: from now on nothing that it tries changes anything, while what it wrote
// before stays in the kernel's cache. Connections are closed after it, then a new process may begin with Restart.
func (m *Machine) Kill() { C.fv_kill(m.c) }

// Restart lets a new process work on the files as the last one left them.
func (m *Machine) Restart() { C.fv_restart(m.c) }

// CutAt cuts the power during operation op, counted from 1 over the machine's life: it and all later ones fail.
func (m *Machine) CutAt(op int) { C.fv_cut(m.c, C.long(op)) }

// FailSyncs makes a sync fail, the first-th from now, and those after it up to so many in all. What they should have
// made durable stays readable and may be lost: see [Disk].
func (m *Machine) FailSyncs(first, count int) { C.fv_fail_sync(m.c, C.long(first), C.long(count)) }

// FailRead makes the nth read from now fail.
func (m *Machine) FailRead(nth int) { C.fv_fail_read(m.c, C.long(nth)) }

// Limit makes the disk full when its files have so many bytes together.
func (m *Machine) Limit(bytes int64) { C.fv_capacity(m.c, C.longlong(bytes)) }

// Ops returns how many operations that change the disk there were.
func (m *Machine) Ops() int { return int(C.fv_ops(m.c)) }

// Reads returns how many reads there were.
func (m *Machine) Reads() int { return int(C.fv_reads(m.c)) }

// History returns every operation that changed the disk, in order.
func (m *Machine) History() []Op {
	all := make([]Op, m.Ops())
	for i := range all {
		c := C.fv_at(m.c, C.long(i))
		all[i] = Op{Kind: Kind(c.kind), File: int(c.file), Name: C.GoString(C.fv_name(m.c, c.file)), At: int64(c.at),
			Data: C.GoBytes(unsafe.Pointer(c.bytes), c.size)}
	}
	return all
}
