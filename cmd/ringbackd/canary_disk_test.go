package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

// Rows 26 and 28 of docs/security.md: the disk of the store is full in the middle of payments. The process ends, approves
// nothing that it has not written and shows no secret on its way out; with room again another one takes the books up.

// disk is where the store of a canaryWorld lies, and can be made full.
type disk interface {
	// fill leaves a process so many bytes for the files that it writes.
	fill(t *testing.T, pid int, room int64)
	// free makes room again.
	free(t *testing.T)
}

// tmpfs is a file system of one megabyte.
type tmpfs struct{ dir, ballast string }

// mountTmpfs mounts one over a folder; only root may.
func mountTmpfs(t *testing.T, dir string) disk {
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m")
	if errors.Is(err, syscall.EPERM) {
		t.Skip("may not mount a small file system")
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return tmpfs{dir, filepath.Join(dir, "ballast")}
}

func (d tmpfs) fill(t *testing.T, _ int, room int64) {
	f, err := os.Create(d.ballast)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	page, size := make([]byte, 4096), int64(0)
	for err == nil {
		var n int
		n, err = f.Write(page)
		size += int64(n)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Truncate(size-room))
}

func (d tmpfs) free(t *testing.T) { require.NoError(t, os.Remove(d.ballast)) }

// quota is a limit on the size of the files that one process writes, which anybody may set: the write-ahead log, the only
// one that grows, meets it.
type quota struct{ dir string }

func newQuota(_ *testing.T, dir string) disk { return quota{dir} }

func (q quota) fill(t *testing.T, pid int, room int64) {
	info, err := os.Stat(filepath.Join(q.dir, "ringback.db-wal"))
	require.NoError(t, err)
	limit := syscall.Rlimit{Cur: uint64(info.Size() + room), Max: uint64(info.Size() + room)}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	require.Zero(t, errno, errno)
}

func (q quota) free(*testing.T) {} // the next process has no limit

// moveStore moves the store onto a disk, while no switch runs.
func (w *canaryWorld) moveStore(t *testing.T, mount func(*testing.T, string) disk) disk {
	dir := filepath.Join(w.dir, "disk")
	require.NoError(t, os.Mkdir(dir, 0o700))
	d := mount(t, dir)
	b, err := os.ReadFile(filepath.Join(w.dir, "ringback.db"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ringback.db"), b, 0o600))
	config, err := os.ReadFile(w.config())
	require.NoError(t, err)
	moved := strings.Replace(string(config), "path: ringback.db", "path: disk/ringback.db", 1)
	require.NotEqual(t, string(config), moved)
	require.NoError(t, os.WriteFile(w.config(), []byte(moved), 0o600))
	return d
}

// newDiskWorld is a world whose store lies on a disk and whose switch has ended.
func newDiskWorld(t *testing.T, mount func(*testing.T, string) disk) (*canaryWorld, disk) {
	w := newCanaryWorld(t)
	w.stopSwitch()
	return w, w.moveStore(t, mount)
}

// disks are the two kinds.
var disks = []struct {
	name  string
	mount func(*testing.T, string) disk
}{{"small file system", mountTmpfs}, {"limited file size", newQuota}}

func TestCanariesOnFullDisk(t *testing.T) {
	for _, kind := range disks {
		t.Run(kind.name, func(t *testing.T) {
			w, d := newDiskWorld(t, kind.mount)
			slips := map[int64]bool{}
			fen := int64(2000)
			for _, room := range []int64{0, 16 << 10, 36 << 10, 56 << 10} {
				fen = w.payUntilFull(t, w.run(t), d, room, fen, slips)
				d.free(t)
				w.requireClean("after the disk was full")
			}
			w.requireAgree(t, slips)
			w.planted(t, d)
		})
	}
}

// payUntilFull pays with growing amounts until the switch ends, and notes which were approved.
func (w *canaryWorld) payUntilFull(t *testing.T, p *exec.Cmd, d disk, room, fen int64, slips map[int64]bool) int64 {
	require.Equal(t, "00", w.pay(fen, nil), "what the last process owed is undone first")
	slips[fen] = true
	d.fill(t, p.Process.Pid, room)
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	for tries := 0; ; tries++ {
		require.Less(t, tries, 100, "the disk does not get full")
		fen++
		r, err := w.term.Pay(t.Context(), canaryPayment(fen), holder{[]string{canaryPIN}})
		if err == nil {
			slips[fen] = true
			continue
		}
		require.Empty(t, r.Code, "nothing is answered for what was not written: %v", err)
		break
	}
	var exit *exec.ExitError
	require.ErrorAs(t, <-ended, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, w.log.String(), "the journal cannot be written")
	return fen + 1
}

// requireAgree starts the switch and compares slips, journal and the host's ledger.
func (w *canaryWorld) requireAgree(t *testing.T, slips map[int64]bool) {
	w.startSwitch()
	w.plugIn(w.app.listeners[0].Addr().String())
	require.Eventually(t, func() bool { return w.app.Network.Ready() == nil }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "00", w.pay(1999, nil))
	slips[1999] = true
	w.settled()
	var sum int64
	for _, r := range w.rows() {
		require.Equal(t, slips[int64(r.Amount)], r.State == acquirer.Approved, "%s is %s", r.Amount, r.State)
		if r.State == acquirer.Approved {
			sum += int64(r.Amount)
			delete(slips, int64(r.Amount))
		}
	}
	require.Empty(t, slips, "each slip has its row")
	totals, err := w.host.Ledger()
	require.NoError(t, err)
	account := totals.Accounts[len(totals.Accounts)-1]
	require.Equal(t, canaryCard, account.PAN)
	require.Equal(t, sum, account.HeldFen)
	require.Equal(t, int64(1_000_000), account.BalanceFen+account.HeldFen)
	w.stopSwitch()
	require.Contains(t, w.operate(t, "audit"), "sound")
	w.requireClean("when the books agree")
}

// planted lets a process show a card in the error with which it ends.
func (w *canaryWorld) planted(t *testing.T, d disk) {
	sound := w.log
	defer func() { w.log = sound }()
	w.log = &lockedBuffer{}
	p := w.run(t, func(c *exec.Cmd) {
		name, err := exec.LookPath("ringbackd-spoilt")
		require.NoError(t, err)
		c.Path, c.Args[0], c.Env = name, name, append(c.Env, "SPOIL=store")
	})
	w.payUntilFull(t, p, d, 0, 3000, map[int64]bool{})
	d.free(t)
	require.Contains(t, w.leaks([]byte(w.log.String())), "payer's card: as it is", "a planted leak is found")
}

// A store that cannot be written is not served from: the start fails, and says why.
func TestReadOnlyStore(t *testing.T) {
	w, _ := newDiskWorld(t, mountTmpfs)
	dir := filepath.Join(w.dir, "disk")
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	out, err := exec.Command("ringbackd", "serve", "-c", w.config()).CombinedOutput()
	require.Error(t, err)
	require.NotContains(t, string(out), "ready")
	t.Log(strings.TrimSpace(string(out)))
	require.Contains(t, string(out), "read-only file system")
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""))
	require.Empty(t, w.leaks(out))
}
