package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"example.com/ringback/store"
)

// caller is who runs this process, as the operating system says.
type caller struct {
	uid  int
	sudo string // SUDO_UID: the account that runs it through sudo; empty: none
}

func thisCaller() caller { return caller{uid: os.Getuid(), sudo: os.Getenv("SUDO_UID")} }

// person is who wants something.
type person struct {
	uid     int
	account string // name of the uid; empty: it has none
	through bool   // through sudo: uid is not whose files this process may read
	owner   bool   // uid owns the master key, or is root, and is not through sudo
	name    string // in the configuration; empty: not listed
	roles   []role
}

// String is for people.
func (p person) String() string {
	switch {
	case p.name != "":
		return p.name
	case p.account != "":
		return fmt.Sprintf("%s (uid %d)", p.account, p.uid)
	}
	return fmt.Sprintf("uid %d", p.uid)
}

// personOf finds out who it is: behind sudo its SUDO_UID, else the account that the process runs as. SUDO_UID is believed
// only of a process that runs as root or as the owner of the master key: anybody can set it in a process of his own.
func (c Config) personOf(me caller) (person, error) {
	p := person{uid: me.uid}
	owner, err := ownerOf(c.Keys.MasterFile)
	if err != nil {
		return p, err
	}
	p.owner = me.uid == 0 || me.uid == owner
	if p.owner && me.sudo != "" {
		if p.uid, err = strconv.Atoi(me.sudo); err != nil || p.uid < 0 {
			return p, errors.New("SUDO_UID is no number: it cannot be told who runs this")
		}
		p.through, p.owner = true, false
	}
	if u, err := user.LookupId(strconv.Itoa(p.uid)); err == nil {
		p.account = u.Username
	}
	return p, c.Admin.find(&p)
}

// ownerOf returns who owns a file; -1: it is not there.
func ownerOf(path string) (int, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	} else if err != nil {
		return -1, err
	}
	return uidOf(info), nil
}

func uidOf(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

// find fills in what the configuration says of a person.
func (c AdminConfig) find(p *person) error {
	for _, o := range c.Operators {
		if o.User == "" || o.User != p.account && o.User != strconv.Itoa(p.uid) {
			continue
		}
		if p.name != "" {
			return fmt.Errorf("%s and %s are listed as operators for one user, uid %d: it cannot be told who this is", p.name, o.Name, p.uid)
		}
		p.name, p.roles = o.Name, o.Roles
	}
	return nil
}

// act is a verb that is being run, and by whom. Verbs that change something take it.
type act struct {
	name string // as in verbs
	verb verb
	me   caller
}

// errDenied marks what somebody must not do.
var errDenied = errors.New("denied")

// guard refuses an act to who must not do it, and writes that into the operators' journal. target is the verb's command.
func (a act) guard(ctx context.Context, target any) error {
	if a.verb.founding {
		return a.guardFounding()
	}
	f, ok := target.(interface{ configPath() string })
	if !ok || len(a.verb.roles) == 0 {
		return nil
	}
	c, err := loadConfig(f.configPath())
	if errors.Is(err, fs.ErrNotExist) && a.me.sudo == "" {
		return nil // the verb says so, or needs none
	} else if err != nil {
		return err
	}
	who, err := c.personOf(a.me)
	if err != nil {
		return err
	}
	if who.through {
		if err := trusted(f.configPath(), a.me.uid); err != nil {
			return fmt.Errorf("%w: %w", errDenied, err)
		}
	}
	if len(c.Admin.Operators) == 0 || a.verb.account && who.owner || a.verb.allows(who.roles) {
		return nil
	}
	return a.deny(ctx, f.configPath(), c, who, objectOf(target), why(who, a.verb, a.name))
}

// guardFounding keeps a person from making installations as another account, whose files it could exchange that way.
func (a act) guardFounding() error {
	if a.me.sudo != "" && a.me.uid != 0 {
		return fmt.Errorf("%w: %q is not for sudo: run it as the account that shall own the installation", errDenied, a.name)
	}
	return nil
}

// why says what a person lacks.
func why(who person, v verb, name string) error {
	needs := make([]string, len(v.roles))
	for i, r := range v.roles {
		needs[i] = string(r)
	}
	if who.name == "" {
		return fmt.Errorf("%w: %s is not listed as an operator; %q needs role %s", errDenied, who, name, strings.Join(needs, " or "))
	}
	has := make([]string, len(who.roles))
	for i, r := range who.roles {
		has[i] = string(r)
	}
	return fmt.Errorf("%w: %s has role %s; %q needs %s", errDenied, who, strings.Join(has, " and "), name, strings.Join(needs, " or "))
}

// deny writes a denial into the operators' journal, if there is a store, and returns it.
func (a act) deny(ctx context.Context, path string, c Config, who person, object string, denial error) error {
	if _, err := os.Stat(c.Store.Path); errors.Is(err, fs.ErrNotExist) {
		return denial
	}
	err := with(ctx, path, func(i *installation) error {
		_, err := i.db.Record(ctx, who.operation(a.name, object, store.OutcomeDenied, denial, 0))
		return err
	})
	if err != nil {
		err = fmt.Errorf("the denial is not in the journal: %w", err)
	}
	return errors.Join(denial, err)
}

// trusted refuses a configuration that another than root or an account, as which this process runs for somebody else, can
// write or exchange: it could name other operators, and the same store. Every folder above it counts.
func trusted(path string, account int) error {
	real, err := filepath.Abs(path)
	if err == nil {
		real, err = filepath.EvalSymlinks(real)
	}
	if err != nil {
		return err
	}
	for at := real; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if owner := uidOf(info); owner != 0 && owner != account {
			return fmt.Errorf("through sudo, a configuration is taken from where only root and the account that runs this can write: %s is of uid %d", at, owner)
		}
		sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0 // others cannot exchange what is in it
		if info.Mode().Perm()&0o022 != 0 && !sticky {
			return fmt.Errorf("through sudo, a configuration is taken from where only root and the account that runs this can write: others can write %s", at)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}
