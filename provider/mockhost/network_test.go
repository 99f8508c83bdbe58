package mockhost

import (
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/ringback/spec"
	"example.com/ringback/spec/cups"
)

// The echo of a public capture, byte by byte, and its answer written by hand.
func TestEchoBytes(t *testing.T) {
	c := start(t, nil).link()
	request := "2E02" + hexText("0095"+"00010000   "+"48540000   ") + "00000000" + hexText("00000000") + "00" + hexText("00000") +
		hexText("0820") + "82200000800000000400000000000000" + hexText("0725161400"+"315242"+"0848540000"+"301")
	want := "2E02" + hexText("0097"+"48540000   "+"00010000   ") + "00000000" + hexText("00000000") + "00" + hexText("00000") +
		hexText("0830") + "82200000820000000400000000000000" + hexText("0725161400"+"315242"+"0848540000"+"00"+"301")
	c.sendRaw([]byte("0000")) // keep-alive, not answered
	c.sendRaw(append([]byte("0095"), unhex(t, request)...))
	require.Equal(t, unhex(t, want), c.receiveFrame())
	c.sendRaw([]byte("00000000"))
	c.silent(50 * time.Millisecond)
}

func hexText(s string) string { return hex.EncodeToString([]byte(s)) }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// Both key resets of the public captures, from the keys that stand in them.
func TestKeyResetVectors(t *testing.T) {
	for _, v := range []struct {
		kind              KeyKind
		f7, f11, key      string
		f48, f53, f96     string
		f128, institution string
	}{
		{KeyMAC, "0517160726", "000535", "51490E75F192EF91", "", "2000000000000000",
			"0FE5B03EC604CB6B", "FFAB6DBF8945EAB7", "44190440"},
		{KeyPIN, "0517094653", "000522", "BF94BF2304D59E9E1C45640131320BE6", "4E4B4393590FF157B782DDBE18332531120C",
			"1600000000000000", "0000000000000000", "ED5F4AE970AF4B76", "44190440"},
	} {
		m := cups.New("0800")
		m.Set(7, v.f7)
		m.Set(11, v.f11)
		m.Set(100, v.institution)
		fillKeyReset(m, v.kind, unhex(t, v.key), demoZMK(t))
		require.Equal(t, unhex(t, v.f128), m.Bytes(128))
		require.Equal(t, unhex(t, v.f96), m.Bytes(96))
		require.Equal(t, v.f53, m.Get(53))
		require.Equal(t, "101", m.Get(70))
		require.Equal(t, v.f48, hexUpper(m.Bytes(48)))
	}
}

func hexUpper(b []byte) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

func TestNetworkCodes(t *testing.T) {
	c := start(t, nil).link()
	for _, v := range []struct{ function, security, code string }{
		{"001", "", "00"}, {"301", "", "00"}, {"002", "", "00"}, {"999", "", "40"}, {"202", "", "40"},
		{"101", "", "30"}, {"101", "3000000000000000", "30"}, {"101", "1700000000000000", "30"},
	} {
		a := c.manage(v.function, v.security)
		require.Equal(t, v.code, a.Get(39), v)
		require.Equal(t, []int{7, 11, 33, 39, 70}, a.Fields())
	}
}

func TestKeyLengths(t *testing.T) {
	for _, v := range []struct {
		double   bool
		security string
		size     int
	}{
		{false, "1000000000000000", 16}, {false, "1600000000000000", 16},
		{false, "2000000000000000", 8}, {false, "2600000000000000", 16}, {true, "2000000000000000", 16},
	} {
		r := start(t, func(c *Config) { c.DoubleMAC = v.double })
		c := r.client()
		c.resetKey(v.security)
		key := map[byte][]byte{'1': c.pin, '2': c.mac}[v.security[0]]
		require.Len(t, key, v.size)
		require.Equal(t, "00", c.debit(payer, 100).Get(39))
		for _, b := range key {
			require.Equal(t, 1, popCount(b)%2, "odd parity")
		}
	}
}

func popCount(b byte) (n int) {
	for ; b != 0; b &= b - 1 {
		n++
	}
	return n
}

func TestOldKeyLivesAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		c := r.client()
		oldMAC, oldPIN := c.mac, c.pin
		c.resetKey("2000000000000000")
		c.resetKey("1600000000000000")
		require.Equal(t, "00", c.manage("301", "").Get(39)) // both 0810 are handled
		fresh := client{mac: c.mac, pin: c.pin}
		c.mac, c.pin = oldMAC, oldPIN
		time.Sleep(59 * time.Second)
		require.Equal(t, "00", c.debit(payer, 100).Get(39), "answered under the key it was asked under")
		time.Sleep(2 * time.Second)
		m := c.newDebit(payer, 100)
		c.send(c.seal(m))
		require.Equal(t, "A0", c.receive().Get(39))
		c.mac = fresh.mac
		require.Equal(t, "99", c.debit(payer, 100).Get(39), "old PIN key")
		c.pin = fresh.pin
		require.Equal(t, "00", c.debit(payer, 100).Get(39))
	})
}

func TestRefusedKeyIsNotUsed(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	require.Equal(t, "00", c.manage("101", "2000000000000000").Get(39))
	m := c.receive()
	c.takeKey(m, "96")
	require.Equal(t, "00", c.debit(payer, 100).Get(39), "the old key goes on")
	key, err := spec.DecryptECB(demoZMK(t), m.Bytes(96))
	require.NoError(t, err)
	good := c.mac
	c.mac = key
	c.send(c.seal(c.newDebit(payer, 100)))
	require.Equal(t, "A0", c.receive().Get(39))
	c.mac = good
}

func TestForgedKeyAnswerIsIgnored(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	require.Equal(t, "00", c.manage("301", "").Get(39)) // the 0810 are handled
	before := r.keys.present(keySlot{member, KeyMAC})
	require.Equal(t, "00", c.manage("101", "2000000000000000").Get(39))
	m := c.receive()
	a := cups.New("0810")
	a.SetHeader(m.Header().Answer())
	for _, id := range []int{7, 11, 53, 70, 100} {
		a.Set(id, m.Get(id))
	}
	a.Set(39, "00")
	a.Set(128, "00000000")
	c.send(a)
	require.Equal(t, "00", c.manage("301", "").Get(39))
	require.Equal(t, before, r.keys.present(keySlot{member, KeyMAC}))
}

// A member that took a key over may use it before the host has seen its 0810.
func TestOfferedKeyIsAccepted(t *testing.T) {
	r := start(t, nil)
	c := r.client()
	d := r.another(c)
	require.Equal(t, "00", c.manage("101", "2000000000000000").Get(39))
	key, err := spec.DecryptECB(demoZMK(t), c.receive().Bytes(96))
	require.NoError(t, err)
	d.mac = key
	require.Equal(t, "00", d.debit(payer, 100).Get(39))
}

func TestKeysSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	cfg := func(c *Config) { c.Dir = dir }
	first := start(t, cfg)
	c := first.client()
	require.Equal(t, "00", c.debit(payer, 100).Get(39))
	require.NoError(t, first.Close())

	second := start(t, cfg)
	d := second.another(c)
	require.Equal(t, "00", d.debit(payer, 100).Get(39))
	require.EqualValues(t, 200, second.account(payer).HeldFen)
	require.Equal(t, "00", d.manage("101", "2000000000000000").Get(39))
	offered, err := spec.DecryptECB(demoZMK(t), d.receive().Bytes(96))
	require.NoError(t, err)
	require.NoError(t, second.Close()) // before the 0810

	third := start(t, cfg)
	e := third.another(d)
	e.mac = offered
	require.Equal(t, "00", e.debit(payer, 100).Get(39))
}

func TestHostResetsKeys(t *testing.T) {
	r := start(t, nil)
	post := func(query string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/keys/reset"+query, nil))
		return w
	}
	require.Equal(t, http.StatusConflict, post("").Code)
	require.Equal(t, http.StatusBadRequest, post("?kind=tin").Code)
	require.Equal(t, http.StatusConflict, post("?institution=11110000").Code)
	c := r.client()
	for _, v := range []struct {
		query, code string
		keys        int
		status      int
	}{{"", "00", 2, 200}, {"?kind=mac", "00", 1, 200}, {"?kind=pin", "06", 1, 502}} {
		done := make(chan *httptest.ResponseRecorder)
		go func() { done <- post(v.query) }()
		for range v.keys {
			c.takeKey(c.receive(), v.code)
		}
		w := <-done
		require.Equal(t, v.status, w.Code, w.Body)
		require.Equal(t, "00", c.debit(payer, 100).Get(39))
	}
}

func TestHostResetTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, nil)
		c := r.client()
		go func() { _, _ = c.read(time.Minute) }()
		w := httptest.NewRecorder()
		r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/keys/reset?kind=pin", nil))
		require.Equal(t, http.StatusGatewayTimeout, w.Code)
	})
}

func TestHostEchoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, func(c *Config) { c.Echo = time.Minute })
		c := r.client()
		frame, err := c.read(61 * time.Second)
		require.NoError(t, err)
		m, err := cups.Unpack(frame)
		require.NoError(t, err)
		require.Equal(t, "0820", m.MTI())
		require.Equal(t, []int{7, 11, 70, 100}, m.Fields())
		require.Equal(t, "301", m.Get(70))
		require.Equal(t, member, m.Get(100))
		a := cups.New("0830")
		a.SetHeader(m.Header().Answer())
		a.Set(7, m.Get(7))
		a.Set(11, m.Get(11))
		a.Set(39, "00")
		a.Set(70, "301")
		a.Set(100, member)
		c.send(a)
		require.Equal(t, "00", c.manage("301", "").Get(39))
	})
}
