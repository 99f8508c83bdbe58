package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A terminal that is killed while a debit is out undoes it before anything else, and uses no number twice.
func TestKilledWhileDebiting(t *testing.T) {
	s := startSwitch(t)
	dir := t.TempDir()
	pay := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "ringpos", "pay", "--terminal", "10000001", "--payee", "13800138001",
			"--payer", "13900139001", "--amount", "12.34", "--card", "6222020000000000018", "--pin", "123456", "--json")
		cmd.Env = append(cleanEnviron(), "RINGBACK_TERMINAL_ADDR="+s.addr(), "RINGBACK_DIR="+dir)
		return cmd
	}
	for round := range 3 {
		before := len(s.requests())
		reached, killed := s.holdDebit()
		first := pay()
		require.NoError(t, first.Start())
		<-reached
		require.NoError(t, first.Process.Kill())
		require.Error(t, first.Wait())
		close(killed)
		sent := s.requests()[before:]
		out := strings.Replace(sent[len(sent)-1], "0200", "0400", 1)

		before = len(s.requests())
		text, err := pay().Output()
		require.NoError(t, err, round)
		require.Contains(t, string(text), `"result":"approved"`)
		require.Equal(t, out, s.requests()[before])
	}
	used := map[string]bool{}
	for _, request := range s.requests() {
		if mti, stan, _ := strings.Cut(request, " "); mti != "0400" {
			require.False(t, used[stan], stan)
			used[stan] = true
		}
	}
}

// The demonstration runs, ends in time, and shows and keeps nothing that is secret.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three programs")
	}
	bin, dir := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin+string(filepath.Separator), "./../ringbackd", "./../ringhost", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err = exec.CommandContext(ctx, filepath.Join(bin, "ringpos"), "demo", "--keep", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	for _, want := range []string{"该手机号不能收款", "55 密码错", `NM="张*丰"`, "The telephone shows: 验证码******", "手机号付款签购单", "PAY-BY-PHONE RECEIPT", "139****9001: ",
		"paid out           1, 12.34 yuan", "The payee's telephone shows: 139****9001", "ringbackd audit: 2 payments"} {
		require.Contains(t, string(out), want)
	}
	require.NotContains(t, string(out), "WRONG")
	secrets := []string{demoCard, demoNewCard, demoName, demoPayer, demoStranger, demoPIN + "\n", demoWrongPIN, "0123456789ABCDEFFEDCBA9876543210"}
	requireNone(t, "output", out, secrets)
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "pos"), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		requireNone(t, name, b, secrets)
		return err
	}))
}

func requireNone(t *testing.T, where string, b []byte, secrets []string) {
	t.Helper()
	for _, s := range secrets {
		require.False(t, bytes.Contains(b, []byte(s)), "%s has %s", where, s)
	}
}
