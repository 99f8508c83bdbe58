package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// The memory of this process holds keys, and for moments PIN blocks and tracks. It must not get into a file: a core file
// when the process fails, or what a debugger of the same user reads from it.

// prSetDumpable is PR_SET_DUMPABLE of prctl(2).
const prSetDumpable = 4

// errTraceback refuses the one setting of the runtime that ends a failing process by a signal that writes a core file.
var errTraceback = errors.New("GOTRACEBACK=crash asks for core files, which hold keys: unset it, or set debug.core_files")

// sealMemory keeps the memory of this process out of core files and from other processes of the same user, before any key
// is in it. It does nothing where the configuration of the verb permits core files.
func sealMemory(verb any) error {
	if permitsCores(verb) {
		return nil
	}
	if os.Getenv("GOTRACEBACK") == "crash" {
		return errTraceback
	}
	return errors.Join(limitCores(), hideMemory())
}

// permitsCores reads the configuration that a verb works on. What is wrong with it the verb itself will say.
func permitsCores(verb any) bool {
	f, ok := verb.(interface{ configPath() string })
	if !ok {
		return false
	}
	c, err := loadConfig(f.configPath())
	return err == nil && c.Debug.CoreFiles
}

// limitCores sets the size of core files to nothing, for children too.
func limitCores() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("forbidding core files: %w", err)
	}
	return nil
}

// hideMemory makes the process undumpable: no core file is written, none is handed to a program either, which the limit does
// not prevent, and only root may attach to the process or read its memory.
func hideMemory() error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetDumpable, 0, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("hiding the memory of the process: %w", errno)
	}
	return nil
}
