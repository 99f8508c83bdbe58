package letter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/phin1x/go-ipp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

// cups is a print server of its own: every file it needs is in a scratch folder, and it listens on loopback only.
type cups struct {
	dir, addr string
	stop      func()
}

// cupsFiles and cupsConf say where all that is, and that whoever comes by loopback may do everything.
const (
	cupsFiles = `ServerRoot %[1]s
RequestRoot %[1]s/spool
CacheDir %[1]s/cache
StateDir %[1]s/state
TempDir %[1]s/spool/tmp
FileDevice Yes
AccessLog %[1]s/access.log
ErrorLog %[1]s/error.log
PageLog %[1]s/page.log
`
	cupsConf = `Listen %s
PreserveJobFiles Yes
PreserveJobHistory Yes
Browsing No
WebInterface No
DefaultAuthType None
<Location />
  Order allow,deny
  Allow from 127.0.0.1
</Location>
<Location /admin>
  Order allow,deny
  Allow from 127.0.0.1
</Location>
<Policy default>
  JobPrivateAccess all
  JobPrivateValues none
  SubscriptionPrivateAccess all
  SubscriptionPrivateValues none
  <Limit All>
    Order allow,deny
    Allow from all
  </Limit>
</Policy>
`
)

// startCups runs cupsd until the test ends, or skips the test.
func startCups(t *testing.T) *cups {
	t.Helper()
	if _, err := exec.LookPath("cupsd"); err != nil {
		t.Skip("cupsd is not installed")
	}
	if os.Getuid() != 0 {
		t.Skip("cupsd is started as root only")
	}
	c := &cups{dir: t.TempDir(), addr: freeAddr(t)}
	for _, d := range []string{"spool/tmp", "cache", "state", "ppd"} {
		require.NoError(t, os.MkdirAll(filepath.Join(c.dir, d), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "cups-files.conf"), fmt.Appendf(nil, cupsFiles, c.dir), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "cupsd.conf"), fmt.Appendf(nil, cupsConf, c.addr), 0o644))
	c.start(t)
	t.Cleanup(func() { c.stop() })
	return c
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

func (c *cups) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command("cupsd", "-f", "-c", filepath.Join(c.dir, "cupsd.conf"), "-s", filepath.Join(c.dir, "cups-files.conf"))
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	c.stop = sync.OnceFunc(func() { _ = cmd.Process.Signal(syscall.SIGTERM); <-ended })
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", c.addr)
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	}, 20*time.Second, 20*time.Millisecond, "cupsd does not listen")
}

// queue makes a raw queue that prints into a file.
func (c *cups) queue(t *testing.T, name, device string) string {
	t.Helper()
	p, err := newPrinter("ipp://"+c.addr+"/printers/"+name, nil)
	require.NoError(t, err)
	r := ipp.NewRequest(ipp.OperationCupsAddModifyPrinter, 1)
	r.OperationAttributes[ipp.AttributePrinterURI] = p.uri
	r.OperationAttributes[ipp.AttributeRequestingUserName] = "root"
	r.PrinterAttributes[ipp.AttributeDeviceURI] = device
	r.PrinterAttributes[ipp.AttributePrinterIsAcceptingJobs] = true
	r.PrinterAttributes[ipp.AttributePrinterState] = int(3)
	head, err := r.Encode()
	require.NoError(t, err)
	p.http = "http://" + c.addr + "/admin/"
	body, err := p.post(t.Context(), head)
	require.NoError(t, err)
	answer, err := decode(body)
	require.NoError(t, err)
	require.NoError(t, refusal(answer.StatusCode), c.log(t))
	return p.uri
}

func (c *cups) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "error.log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// do asks the queue for an operation.
func do(t *testing.T, uri string, operation int16, attributes map[string]any) {
	t.Helper()
	p, err := newPrinter(uri, nil)
	require.NoError(t, err)
	_, err = p.ask(t.Context(), operation, attributes, nil)
	require.NoError(t, err)
}

// book keeps receipts, or fails as it is told.
type book struct {
	mu  sync.Mutex
	got []acquirer.Receipt
	err error
}

func (b *book) Receipt(_ context.Context, r acquirer.Receipt) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.got = append(b.got, r)
	}
	return b.err
}

func (b *book) all() []acquirer.Receipt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

func (b *book) fails(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func device(t *testing.T, uri string, b *book) *Letter {
	t.Helper()
	l, err := New(Config{Printer: uri, At: 7 * time.Hour, Sender: sender, Receipts: b, Log: zerolog.Nop()})
	require.NoError(t, err)
	l.face = func() (*face, error) { return theFace(t), nil }
	return l
}

// run runs the device until the returned function is called.
func run(t *testing.T, l *Letter) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	return func() { cancel(); require.NoError(t, <-ended) }
}

// What a real print server has got is the letter to the byte, and its end is a receipt, also when another process hears it.
func TestCUPS(t *testing.T) {
	c := startCups(t)
	uri := c.queue(t, "letters", "file:///dev/null")
	b := &book{}
	l := device(t, uri, b)
	require.NoError(t, l.Ready(t.Context()))
	h, err := l.SendAll(t.Context(), day(t))
	require.NoError(t, err, c.log(t))
	require.Equal(t, "letter-"+numberOf(day(t))+"/1", h.Reference)
	spooled, err := os.ReadFile(filepath.Join(c.dir, "spool", "d00001-001"))
	require.NoError(t, err)
	want, err := newSheet(day(t), sender, time.Now()).write(theFace(t))
	require.NoError(t, err)
	require.Equal(t, withoutDate(want), withoutDate(spooled))

	end := run(t, l)
	require.Eventually(t, func() bool { return len(b.all()) == 1 }, time.Minute, 20*time.Millisecond, c.log(t))
	end()
	got := b.all()[0]
	require.Equal(t, acquirer.Receipt{Device: acquirer.DeviceLetter, Reference: h.Reference, Delivered: true, Detail: "printed", At: got.At}, got)
	require.Empty(t, l.jobs.all())

	later := &book{} // of a process that comes after
	end = run(t, device(t, uri, later))
	require.Eventually(t, func() bool { return len(later.all()) == 1 }, time.Minute, 20*time.Millisecond)
	end()
	require.Equal(t, h.Reference, later.all()[0].Reference)
}

// A second try finds the letter that the printer has; one that was cancelled there is printed again.
func TestSecondTry(t *testing.T) {
	c := startCups(t)
	uri := c.queue(t, "letters", "file:///dev/null")
	do(t, uri, ipp.OperationPausePrinter, nil)
	l := device(t, uri, &book{})
	all := day(t)
	first, err := l.SendAll(t.Context(), all)
	require.NoError(t, err)
	all[0].Try = 2
	for range 2 {
		again, err := l.SendAll(t.Context(), all)
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
	require.NoFileExists(t, filepath.Join(c.dir, "spool", "d00002-001"))
	do(t, uri, ipp.OperationCancelJob, map[string]any{ipp.AttributeJobID: 1})
	anew, err := l.SendAll(t.Context(), all)
	require.NoError(t, err)
	require.Equal(t, "letter-"+numberOf(all)+"/2", anew.Reference)
	require.FileExists(t, filepath.Join(c.dir, "spool", "d00002-001"))
	other := append([]acquirer.Message{}, all[1:]...)
	other[0].Try = 2
	_, err = l.SendAll(t.Context(), other)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(c.dir, "spool", "d00003-001"), "another letter")
}

// withoutDate is a PDF without the line that says when it was made.
func withoutDate(pdf []byte) string {
	from := bytes.Index(pdf, []byte("/CreationDate"))
	if from < 0 {
		return string(pdf)
	}
	to := from + bytes.IndexByte(pdf[from:], '\n')
	return string(pdf[:from]) + string(pdf[to:])
}

// A job that a person cancels at the printer is a letter that nobody gets: the next device is tried. One that waits is none.
func TestCancelledAtThePrinter(t *testing.T) {
	c := startCups(t)
	uri := c.queue(t, "letters", "file:///dev/null")
	do(t, uri, ipp.OperationPausePrinter, nil)
	b := &book{}
	l := device(t, uri, b)
	h, err := l.SendAll(t.Context(), day(t))
	require.NoError(t, err)
	require.NoError(t, l.poll(t.Context()))
	require.Empty(t, b.all(), "it waits")
	require.Len(t, l.jobs.all(), 1)
	do(t, uri, ipp.OperationCancelJob, map[string]any{ipp.AttributeJobID: 1})
	b.fails(acquirer.ErrNotFound)
	require.NoError(t, l.poll(t.Context()))
	require.Len(t, l.jobs.all(), 1, "offered again")
	b.fails(acquirer.ErrStore)
	require.ErrorIs(t, l.Run(t.Context()), acquirer.ErrStore)
	b.fails(nil)
	require.NoError(t, l.poll(t.Context()))
	require.Empty(t, l.jobs.all())
	require.Len(t, b.all(), 1)
	require.False(t, b.all()[0].Delivered)
	require.Equal(t, h.Reference, b.all()[0].Reference)
}

// A printer that is away, or takes nothing, is down: that costs no try. It is when it is back.
func TestPrinterIsAway(t *testing.T) {
	c := startCups(t)
	uri := c.queue(t, "letters", "file:///dev/null")
	l := device(t, uri, &book{})
	do(t, uri, ipp.OperationCupsRejectJobs, nil)
	require.ErrorIs(t, l.Ready(t.Context()), acquirer.ErrDeviceDown)
	_, err := l.SendAll(t.Context(), day(t))
	require.ErrorIs(t, err, acquirer.ErrDeviceDown)
	do(t, uri, ipp.OperationCupsAcceptJobs, nil)
	require.NoError(t, l.Ready(t.Context()))
	none := device(t, "ipp://"+c.addr+"/printers/none", &book{})
	require.ErrorIs(t, none.Ready(t.Context()), acquirer.ErrDeviceDown)
	c.stop()
	for _, err := range []error{l.Ready(t.Context()), func() error { _, err := l.SendAll(t.Context(), day(t)); return err }()} {
		require.ErrorIs(t, err, acquirer.ErrDeviceDown)
		require.NotContains(t, err.Error(), c.addr)
	}
	require.NoError(t, l.poll(t.Context()))
	require.False(t, l.recover(t.Context()))
	c.start(t)
	_, err = l.SendAll(t.Context(), day(t))
	require.NoError(t, err)
}

// stranger answers as it is told, and keeps what it was asked.
type stranger struct {
	status int
	body   []byte
}

func (s stranger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(s.status)
	_, _ = w.Write(s.body)
}

// answerOf encodes an answer.
func answerOf(t *testing.T, status int16, job ipp.Attributes) []byte {
	t.Helper()
	r := ipp.NewResponse(status, 1)
	if job != nil {
		r.JobAttributes = []ipp.Attributes{job}
	}
	b, err := r.Encode()
	require.NoError(t, err)
	return b
}

func TestAnswers(t *testing.T) {
	job := ipp.Attributes{ipp.AttributeJobID: {{Tag: ipp.TagInteger, Name: ipp.AttributeJobID, Value: 7}}}
	for name, v := range map[string]struct {
		stranger
		ok, down bool
	}{
		"taken":                   {stranger{200, answerOf(t, ipp.StatusOk, job)}, true, false},
		"taken, something aside":  {stranger{200, answerOf(t, ipp.StatusOkIgnoredOrSubstituted, job)}, true, false},
		"no job":                  {stranger{200, answerOf(t, ipp.StatusOk, nil)}, false, false},
		"format not supported":    {stranger{200, answerOf(t, ipp.StatusErrorDocumentFormatNotSupported, nil)}, false, false},
		"busy":                    {stranger{200, answerOf(t, ipp.StatusErrorBusy, nil)}, false, true},
		"not for us":              {stranger{200, answerOf(t, ipp.StatusErrorForbidden, nil)}, false, true},
		"no such printer":         {stranger{200, answerOf(t, ipp.StatusErrorNotFound, nil)}, false, true},
		"no IPP":                  {stranger{200, []byte("hello")}, false, false},
		"nothing":                 {stranger{200, nil}, false, false},
		"cut":                     {stranger{200, answerOf(t, ipp.StatusOk, job)[:12]}, false, false},
		"HTTP says no":            {stranger{401, nil}, false, true},
		"a way that is not taken": {stranger{302, nil}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			s := &http.Server{Handler: v.stranger, ReadHeaderTimeout: time.Minute}
			ended := make(chan error, 1)
			go func() { ended <- s.Serve(l) }()
			h, err := device(t, "ipp://"+l.Addr().String()+"/ipp/print", &book{}).SendAll(t.Context(), day(t))
			require.Equal(t, v.ok, err == nil, err)
			if v.ok {
				require.Equal(t, "letter-"+numberOf(day(t))+"/7", h.Reference)
			} else {
				require.Equal(t, v.down, isDown(err), err)
			}
			require.NoError(t, s.Close())
			require.ErrorIs(t, <-ended, http.ErrServerClosed)
		})
	}
}

func FuzzPrinterAnswer(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x01\x01G\x00\x12attributes-charset\x00\x05utf-8\x02!\x00\x06job-id\x00\x04\x00\x00\x00\x07\x03"))
	f.Add([]byte("\x02\x00\x04\x06\x00\x00\x00\x01\x03"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, err := decode(body)
		if (answer == nil) == (err == nil) {
			t.Fatal("an answer or an error, not both")
		}
		if answer != nil {
			_, _ = first[int](answer.JobAttributes, ipp.AttributeJobID)
			_ = refusal(answer.StatusCode)
		}
	})
}

func isDown(err error) bool { return errors.Is(err, acquirer.ErrDeviceDown) }
