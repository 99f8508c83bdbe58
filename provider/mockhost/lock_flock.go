//go:build linux || darwin || freebsd || netbsd || openbsd

package mockhost

import (
	"os"
	"syscall"
)

// lockFile takes the file for this process alone. The lock goes with the
// process, however it ends.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
