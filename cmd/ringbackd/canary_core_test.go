package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Rows 16 and 26 of docs/security.md: what a process leaves behind that dies. The debit that waits at the host meanwhile
// has card, track and PIN block in memory.

// crashRoom is a world in whose folder processes die, that may write core files of any size.
type crashRoom struct {
	*canaryWorld
	dir string
}

func newCrashRoom(t *testing.T) *crashRoom {
	w := newCanaryWorld(t)
	w.stopSwitch()
	r := &crashRoom{w, filepath.Join(w.dir, "crash")}
	require.NoError(t, os.Mkdir(r.dir, 0o700))
	return r
}

// start runs ringbackd, or another program that takes its command line, in the room.
func (r *crashRoom) start(t *testing.T, program string, env ...string) *exec.Cmd {
	return r.run(t, func(c *exec.Cmd) {
		shell := exec.Command("sh", "-c", `ulimit -c "$(ulimit -H -c)"; exec "$@"`, "sh", program, "serve", "-c", r.config())
		c.Path, c.Args, c.Dir = shell.Path, shell.Args, r.dir
		c.Env = append(c.Env, env...)
	}, patient)
}

// cores lists the files that look like core files where the kernel may write them: in the room, and where the machine's
// setting says.
func (r *crashRoom) cores(t *testing.T) (found []string) {
	for _, dir := range []string{r.dir, filepath.Dir(corePattern(t))} {
		if !filepath.IsAbs(dir) {
			continue // a pipe, or a name in the working folder
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			require.ErrorIs(t, err, fs.ErrNotExist)
		}
		for _, e := range entries {
			if strings.Contains(e.Name(), "core") || strings.Contains(e.Name(), "ringbackd") {
				found = append(found, filepath.Join(dir, e.Name()))
			}
		}
	}
	return found
}

func corePattern(t *testing.T) string {
	b, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

// A process that is killed with a debit in its hands, by a signal or by a panic that nothing catches, leaves no core file,
// and its stack dump shows no secret.
func TestCanariesOfTheDead(t *testing.T) {
	r := newCrashRoom(t)
	before := r.cores(t)
	for _, c := range []struct {
		name, program, spoil, told string
		end                        syscall.Signal // 0: by its own panic, at a reversal
	}{
		{"SIGQUIT", "ringbackd", "", "SIGQUIT: quit", syscall.SIGQUIT},
		{"SIGABRT", "ringbackd", "", "SIGABRT: abort", syscall.SIGABRT},
		{"a core file is wanted, the limit forbids it", "ringbackd-spoilt", "limited", "SIGABRT: abort", syscall.SIGABRT},
		{"a core file is wanted, the process is undumpable", "ringbackd-spoilt", "hidden", "SIGABRT: abort", syscall.SIGABRT},
		{"panic", "ringbackd-spoilt", "panic", "panic: runtime error: invalid memory address", 0},
	} {
		p := r.start(t, c.program, "SPOIL="+c.spoil)
		require.Equal(t, "00", r.pay(1250, nil), c.name)
		if c.end != 0 {
			held := r.hold(t)
			require.NoError(t, p.Process.Signal(c.end))
			require.Error(t, <-held)
		} else {
			require.NotEqual(t, "00", r.pay(9808, nil)) // the host says 96, so that it is undone; the answer may come or not
		}
		require.Error(t, p.Wait(), c.name)
		require.Contains(t, r.log.String(), c.told)
		require.Contains(t, r.log.String(), "goroutine ", "the stacks are there")
		require.Equal(t, before, r.cores(t), c.name)
		r.requireClean(c.name)
	}
	r.log = &lockedBuffer{}
	p := r.start(t, "ringbackd-spoilt", "SPOIL=stack")
	require.NotEqual(t, "00", r.pay(9806, nil))
	require.Error(t, p.Wait())
	require.Contains(t, r.leaks([]byte(r.log.String())), "clear PIN block: array on a stack", "a planted leak is found")
	r.log = &lockedBuffer{}
}

// The control of the test above: where the configuration permits core files, the same death leaves one, and the scan sees
// the secrets in it. GOTRACEBACK=crash, which makes the runtime ask for it, is refused everywhere else.
func TestCanariesInPermittedCore(t *testing.T) {
	r := newCrashRoom(t)
	c := exec.Command("ringbackd", "serve", "-c", r.config())
	c.Env = append(os.Environ(), "GOTRACEBACK=crash")
	out, err := c.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, 1, c.ProcessState.ExitCode())
	require.Contains(t, string(out), "GOTRACEBACK=crash asks for core files")

	var hard syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_CORE, &hard))
	if pattern := corePattern(t); strings.ContainsAny(pattern, "|/") || hard.Max == 0 {
		t.Skipf("this machine writes no core files into the working folder: pattern %q, limit %d", pattern, hard.Max)
	}
	p := r.start(t, "ringbackd", "GOTRACEBACK=crash", "RINGBACK_DEBUG__CORE_FILES=true")
	held := r.hold(t)
	require.NoError(t, p.Process.Signal(syscall.SIGABRT))
	require.Error(t, <-held)
	require.Error(t, p.Wait())
	cores := r.cores(t)
	require.Len(t, cores, 1)
	core, err := os.ReadFile(cores[0])
	require.NoError(t, err)
	seen := 0
	for _, k := range r.all {
		if strings.Contains(string(core), string(k.value)) {
			seen++
		}
	}
	t.Logf("%d MB, %d of %d canaries", len(core)>>20, seen, len(r.all))
	require.Greater(t, seen, 5)
	require.NoError(t, os.Remove(cores[0]))
}
