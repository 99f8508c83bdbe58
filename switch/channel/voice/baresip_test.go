package voice

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/channel/voice/dialogue"
	"example.com/ringback/switch/channel/voice/speech"
	"github.com/stretchr/testify/require"
)

// baresip is a softphone that picks up by itself, keeps what it hears, and is told over TCP which keys to press.
type baresip struct {
	t       *testing.T
	dir     string
	addr    string
	control string
	console *lines
}

func startBaresip(t *testing.T) *baresip {
	t.Helper()
	path, err := exec.LookPath("baresip")
	if err != nil {
		t.Skip("baresip is not installed: apt-get install baresip-core")
	}
	b := &baresip{t: t, dir: t.TempDir(), addr: fmt.Sprintf("127.0.0.1:%d", freePort(t)), control: fmt.Sprintf("127.0.0.1:%d", freePort(t)), console: &lines{}}
	hush := filepath.Join(b.dir, "hush.wav")
	require.NoError(t, os.WriteFile(hush, wavOf(make([]int16, 8000*60)), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(b.dir, "heard"), 0o700))
	config := "sip_listen " + b.addr + "\nnet_interface 127.0.0.1\naudio_source aufile," + hush + "\naudio_player aubridge,sink\naudio_alert aubridge,alert\nrtp_ports 30000-40000\n" +
		"module_path " + moduleFolder(t) + "\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n" +
		"ctrl_tcp_listen " + b.control + "\nsnd_path " + filepath.Join(b.dir, "heard") + "\naudio_channels 1-1\naudio_srate 8000-8000\n"
	for name, text := range map[string]string{"config": config, "accounts": "<sip:86" + callerOne + "@127.0.0.1>;regint=0;answermode=auto;audio_codecs=PCMA,PCMU\n", "contacts": ""} {
		require.NoError(t, os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600))
	}
	cmd := exec.Command(path, "-f", b.dir)
	cmd.Stdout, cmd.Stderr, cmd.Env = b.console, b.console, append(os.Environ(), "HOME="+b.dir)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var waited sync.WaitGroup
	waited.Go(func() { _ = cmd.Wait() }) // it is killed
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		waited.Wait()
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", b.control)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, patience, 50*time.Millisecond, b.console)
	return b
}

// moduleFolder is where Debian has its modules.
func moduleFolder(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	t.Skip("baresip's modules are not where Debian's baresip-core has them")
	return ""
}

// press presses a key, in the netstring that its control connection wants.
func (b *baresip) press(key string) {
	b.t.Helper()
	c, err := net.Dial("tcp", b.control)
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, c.Close()) }()
	text := fmt.Sprintf(`{"command":"sndcode","params":"%s","token":"k"}`, key)
	_, err = fmt.Fprintf(c, "%d:%s,", len(text), text)
	require.NoError(b.t, err)
	require.NoError(b.t, c.SetReadDeadline(time.Now().Add(patience)))
	answer := make([]byte, 512)
	n, err := c.Read(answer)
	require.NoError(b.t, err)
	require.Contains(b.t, string(answer[:n]), `"ok":true`, b.console)
}

// heard is what it recorded, 16 bits linear.
func (b *baresip) heard() []int16 {
	b.t.Helper()
	found, err := filepath.Glob(filepath.Join(b.dir, "heard", "*dec.wav"))
	require.NoError(b.t, err)
	require.NotEmpty(b.t, found, b.console)
	raw, err := os.ReadFile(found[0])
	require.NoError(b.t, err)
	i := strings.Index(string(raw), "data")
	require.Positive(b.t, i)
	raw = raw[i+8:]
	samples := make([]int16, len(raw)/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return samples
}

// wavOf is a WAV file of 8000 samples a second.
func wavOf(samples []int16) []byte {
	le, size := binary.LittleEndian, uint32(2*len(samples))
	b := append(le.AppendUint32([]byte("RIFF"), 36+size), "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = le.AppendUint32(le.AppendUint32(b, 8000), 16000)
	b = le.AppendUint32(append(b, "\x02\x00\x10\x00data"...), size)
	for _, s := range samples {
		b = le.AppendUint16(b, uint16(s))
	}
	return b
}

// loudness is the root of the mean square, out of 32767.
func loudness(samples []int16) float64 {
	sum := 0.0
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum / float64(max(len(samples), 1)))
}

// overheard counts what a speaker is asked to say.
type overheard struct {
	dialogue.Speaker
	asked atomic.Int32
}

func (o *overheard) Speak(ctx context.Context, l acquirer.Language, text string) ([]int16, error) {
	o.asked.Add(1)
	return o.Speaker.Speak(ctx, l, text)
}

func (o *overheard) waitFor(t *testing.T, texts int32) {
	t.Helper()
	require.Eventually(t, func() bool { return o.asked.Load() >= texts }, patience, 10*time.Millisecond)
}

// A code is called through, by either kind of speech: what a softphone hears is speech of the length that was spoken, and its keys come back.
func TestSoftphoneHearsACode(t *testing.T) {
	for _, kind := range []speech.Kind{speech.Recorded, speech.Espeak} {
		t.Run(string(kind), func(t *testing.T) {
			speaker, err := speech.New(speech.Config{Kind: kind})
			if kind == speech.Espeak && err != nil {
				t.Skip("espeak-ng is not installed: apt-get install espeak-ng")
			}
			require.NoError(t, err)
			ear := &overheard{Speaker: speaker}
			phone := startBaresip(t)
			w := begin(t, func(c *Config) {
				c.Proxy, c.Speaker, c.Dialogue, c.Domain = phone.addr, ear, dialogue.Limits{First: 20 * time.Second}, ""
			})
			require.Eventually(t, w.Up, patience, 10*time.Millisecond, w.logs)
			var all sync.WaitGroup
			all.Go(func() {
				_, err := w.Send(t.Context(), to(t, callerOne, acquirer.NoticeCode, "验证码"+theCode+"，请勿告诉他人。"))
				require.NoError(t, err)
			})
			defer all.Wait()
			require.Eventually(t, func() bool { return strings.Contains(phone.console.String(), "Call established") }, patience, 10*time.Millisecond, phone.console)
			ear.waitFor(t, 2) // who calls, and that a key is wanted for the code
			phone.press("1")
			ear.waitFor(t, 4) // the code was played whole, and another key is asked for
			phone.press("1")
			all.Wait()
			require.Eventually(t, func() bool { return strings.Contains(phone.console.String(), "terminated") }, patience, 10*time.Millisecond)
			sound := phone.heard()
			require.Greater(t, len(sound), 4*8000)
			require.Less(t, len(sound), 20*8000)
			require.Greater(t, loudness(sound), 300.0, "it is speech")
			quiet := loudness(sound)
			for i := 0; i+1600 <= len(sound); i += 1600 {
				quiet = min(quiet, loudness(sound[i:i+1600]))
			}
			require.Less(t, quiet, loudness(sound)/4, "with pauses")
		})
	}
}
