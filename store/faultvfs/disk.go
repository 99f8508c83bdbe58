package faultvfs

import (
	"maps"
	"math/rand/v2"
)

// Kind says what an operation did.
type Kind int

// The kinds of operation. vfs.h has the same numbers.
const (
	Found      Kind = iota + 1 // a file was there when it was first opened, with Data in it
	Create                     // a file was made
	Write                      // Data at At
	Truncate                   // to the size At
	Sync                       // of a file
	SyncFailed                 // and its caller was told
	Delete                     // At is 1 when the folder was flushed with it
)

// Op is one operation that changed a disk.
type Op struct {
	Kind Kind
	File int    // number of the file; a name that is made again gets another number
	Name string // of the file, in its folder
	At   int64
	Data []byte
}

// Fate is what becomes of writes that no sync has made durable.
type Fate int

// The fates.
const (
	Lost      Fate = iota // none is on the disk
	Kept                  // all are
	Torn                  // all are, but of the last only some sectors
	Scattered             // any of them, and of each any sectors
)

// Fates lists them all.
var Fates = [...]Fate{Lost, Kept, Torn, Scattered}

func (f Fate) String() string { return [...]string{"lost", "kept", "torn", "scattered"}[f] }

// sector is what a disk writes wholly or not at all.
const sector = 512

// file is one file, from its creation to its deletion.
type file struct {
	bytes   []byte // durable
	pending []Op   // writes and truncations since the last sync
}

// Disk is what is durable at one moment of a history, and what is not yet. Its random choices follow from its seed.
type Disk struct {
	// Unsynced is the fate of the pages of a sync that failed: the kernel does not write them again. Lost unless set.
	Unsynced Fate
	// Lies makes every sync succeed and do nothing.
	Lies bool

	random *rand.Rand
	files  map[int]*file
	folder map[string]int // durable names
	names  []Op           // creations and deletions since the folder was flushed
}

// NewDisk returns an empty disk.
func NewDisk(seed uint64) *Disk {
	return &Disk{random: rand.New(rand.NewPCG(seed, 0)), files: map[int]*file{}, folder: map[string]int{}}
}

// Apply lets an operation happen.
func (d *Disk) Apply(op Op) {
	f := d.files[op.File]
	if f == nil {
		f = &file{}
		d.files[op.File] = f
	}
	switch op.Kind {
	case Found:
		f.bytes = append([]byte(nil), op.Data...)
		d.folder[op.Name] = op.File
	case Create:
		d.names = append(d.names, op)
	case Delete:
		if d.names = append(d.names, op); op.At == 1 && !d.Lies {
			d.flush()
		}
	case Write, Truncate:
		f.pending = append(f.pending, op)
	case Sync:
		if !d.Lies {
			d.settle(f, Kept)
			d.linked(op.File)
		}
	case SyncFailed:
		d.settle(f, d.Unsynced)
	}
}

// settle ends the wait of a file's writes.
func (d *Disk) settle(f *file, fate Fate) {
	f.bytes = d.after(f.bytes, f.pending, fate)
	f.pending = nil
}

// linked flushes the folder if a file's creation waits for it: the first sync of a new journal does that.
func (d *Disk) linked(number int) {
	for _, op := range d.names {
		if op.Kind == Create && op.File == number {
			d.flush()
			return
		}
	}
}

func (d *Disk) flush() {
	d.folder = named(d.folder, d.names)
	d.names = nil
}

// named returns a folder after some operations.
func named(folder map[string]int, ops []Op) map[string]int {
	folder = maps.Clone(folder)
	for _, op := range ops {
		if op.Kind == Create {
			folder[op.Name] = op.File
		} else if folder[op.Name] == op.File {
			delete(folder, op.Name)
		}
	}
	return folder
}

// Image returns the files that may be on the disk, by name, when the power goes while an operation is under way: none
// of it may have happened, or all, or some. The zero Op is none.
func (d *Disk) Image(under Op, fate Fate) map[string][]byte {
	names := d.names
	if under.Kind == Create || under.Kind == Delete {
		names = append(names[:len(names):len(names)], under)
	}
	switch fate {
	case Lost:
		names = nil
	case Torn:
		names = d.names
	case Scattered:
		names = names[:d.random.IntN(len(names)+1)] // a file system keeps them in order
	}
	image := map[string][]byte{}
	for name, number := range named(d.folder, names) {
		image[name] = d.content(number, under, fate)
	}
	return image
}

// content returns what a file may hold. A sync under way has done all, nothing or some of its work, as the fate is.
func (d *Disk) content(number int, under Op, fate Fate) []byte {
	f := d.files[number]
	if f == nil {
		return nil // its creation is what is under way
	}
	pending, last := f.pending, under.File == number && (under.Kind == Write || under.Kind == Truncate)
	if last {
		pending = append(pending[:len(pending):len(pending)], under)
	}
	if fate == Torn && last {
		done := d.after(f.bytes, f.pending, Kept)
		return d.after(done, pending[len(pending)-1:], Scattered)
	}
	if fate == Torn {
		fate = Kept
	}
	return d.after(f.bytes, pending, fate)
}

// after returns a copy of bytes after some operations of which the fate takes part.
func (d *Disk) after(bytes []byte, ops []Op, fate Fate) []byte {
	out := append([]byte(nil), bytes...)
	if fate == Lost {
		return out
	}
	for _, op := range ops {
		if fate == Kept {
			out = do(out, op)
			continue
		}
		for _, part := range sectors(op) {
			if d.random.IntN(2) == 0 {
				out = do(out, part)
			}
		}
	}
	return out
}

// sectors cuts a write where sectors end. A truncation is one piece.
func sectors(op Op) (parts []Op) {
	for op.Kind == Write && len(op.Data) > 0 {
		n := min(sector-int(op.At%sector), len(op.Data))
		parts = append(parts, Op{Kind: Write, At: op.At, Data: op.Data[:n]})
		op.At, op.Data = op.At+int64(n), op.Data[n:]
	}
	if op.Kind == Truncate {
		parts = append(parts, op)
	}
	return parts
}

// do carries a write or a truncation out. A gap before a write reads as zeros.
func do(bytes []byte, op Op) []byte {
	if op.Kind == Truncate {
		return bytes[:min(op.At, int64(len(bytes)))]
	}
	if missing := int(op.At) + len(op.Data) - len(bytes); missing > 0 {
		bytes = append(bytes, make([]byte, missing)...)
	}
	copy(bytes[op.At:], op.Data)
	return bytes
}
