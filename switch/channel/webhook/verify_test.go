package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"github.com/stretchr/testify/require"
)

func verify(secret, header string, body []byte, now time.Time) bool {
	stamp, mac, ok := strings.Cut(strings.TrimPrefix(header, "t="), ",v1=")
	t, err := strconv.ParseInt(stamp, 10, 64)
	if !ok || err != nil || now.Sub(time.Unix(t, 0)).Abs() > 5*time.Minute {
		return false
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(stamp + "."))
	h.Write(body)
	got, err := hex.DecodeString(mac)
	return err == nil && hmac.Equal(got, h.Sum(nil))
}

// fenced returns the first block of a language in the receivers' manual.
func fenced(t *testing.T, language string) string {
	t.Helper()
	manual, err := os.ReadFile("../../../docs/channels/webhook.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(manual), "```"+language+"\n")
	require.True(t, ok)
	block, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	return block
}

// cases are what a receiver gets, and whether it is ours.
func cases(now time.Time) (list []struct {
	name, header, body string
	good               bool
}) {
	add := func(name, header, body string, good bool) {
		list = append(list, struct {
			name, header, body string
			good               bool
		}{name, header, body, good})
	}
	body := `{"id":"632800000002-2","text":"到账"}`
	at := func(d time.Duration) string { return sign(acquirer.NewKey([]byte(secret)), now.Add(d), []byte(body)) }
	right := at(0)
	add("right", right, body, true)
	add("five minutes old", at(-5*time.Minute), body, true)
	add("older", at(-5*time.Minute-time.Second), body, false)
	add("five minutes ahead", at(5*time.Minute), body, true)
	add("further ahead", at(5*time.Minute+time.Second), body, false)
	add("other body", right, body+" ", false)
	add("other time", strings.Replace(right, "t=17", "t=18", 1), body, false)
	add("other secret", sign(acquirer.NewKey([]byte("another secret of 32 characters!")), now, []byte(body)), body, false)
	add("cut", right[:len(right)-2], body, false)
	add("no mac", strings.SplitAfter(right, "v1=")[0], body, false)
	add("no time", "v1=00", body, false)
	add("nothing", "", body, false)
	return list
}

const secret = "0f3c9a5b7d1e2468"

func TestVerifierOfTheManual(t *testing.T) {
	source, err := os.ReadFile("verify_test.go")
	require.NoError(t, err)
	require.Contains(t, string(source), fenced(t, "go"), "the manual shows another verifier than the one that is tested")
	now := time.Unix(1795546615, 0)
	for _, c := range cases(now) {
		require.Equal(t, c.good, verify(secret, c.header, []byte(c.body), now), c.name)
	}
}

func TestPythonVerifierOfTheManual(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	now := time.Unix(1795546615, 0)
	script := fenced(t, "python") + "\nimport sys\nfor c in zip(*[iter(sys.argv[3:])] * 2):\n    print(verify(sys.argv[1], c[0], c[1].encode(), float(sys.argv[2])))\n"
	args, want := []string{"-c", script, secret, strconv.FormatInt(now.Unix(), 10)}, ""
	for _, c := range cases(now) {
		args = append(args, c.header, c.body)
		want += map[bool]string{true: "True\n", false: "False\n"}[c.good]
	}
	out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, want, string(out))
}
