package acquirer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPostalAddress(t *testing.T) {
	wide := strings.Repeat("京", PostalWidth/2)
	for s, want := range map[string]string{
		homeAddress: homeAddress,
		"100031\n北京市西城区\r\n复兴门内大街156号\n":               "100031;北京市西城区;复兴门内大街156号",
		"１０００３１；北京市（西城）区；５０２室":                         "100031;北京市(西城)区;502室",
		" 100031 ;; 12  Fuxing Road, Xicheng ;Beijing": "100031;12 Fuxing Road, Xicheng;Beijing",
		"100031;" + wide: "100031;" + wide,
		"100031;a;b;c;d": "100031;a;b;c;d",
		"100031;𬍛村":      "100031;𬍛村",
	} {
		a, err := NewAddress(DeviceLetter, s)
		require.NoError(t, err, s)
		require.Equal(t, want, a.Reveal())
		require.Equal(t, "10****", a.Masked())
		require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", a, a, a, a), "1000")
	}
	for _, bad := range []string{"", "100031", "北京市;100031", "10003;北京市", "1000311;北京市", "100031;" + wide + "京", "100031;" + wide + "1", "100031;a;b;c;d;e",
		"100031;北京\x00市", "100031;北京\u200b市", "100031;北京👍", "100031;٣号", "100031;\ue000", "100031;北京\xff", "100031;--", "100031;Москва", "100031;<b>",
		"100031;" + strings.Repeat("京;", 300)} {
		_, err := NewAddress(DeviceLetter, bad)
		require.Error(t, err, "%q", bad)
		if len(bad) > 6 {
			require.NotContains(t, err.Error(), "北京")
		}
	}
}

func TestLetterInACommand(t *testing.T) {
	for text, want := range map[string][]DeviceChoice{
		"通知 信件:" + homeAddress: {{DeviceLetter, homeAddress}},
		"通知 信函：１０００３１；北京市西城区 复兴门内大街 短信":                                  {{DeviceLetter, "100031;北京市西城区 复兴门内大街"}, {DeviceSMS, ""}},
		"NOTIFY sms letter:100031;12 Fuxing Road;Beijing email:a@b.test": {{DeviceSMS, ""}, {DeviceLetter, "100031;12 Fuxing Road;Beijing"}, {DeviceEmail, "a@b.test"}},
		"NOTIFY letter sms x": {{DeviceLetter, ""}, {DeviceSMS, ""}, {"x", ""}},
	} {
		r, err := ParseCommand(text)
		require.NoError(t, err, text)
		require.Equal(t, want, r.Devices, text)
	}
	r, err := ParseCommand("NOTIFY letter:100031;12 Fuxing Road 13800138009")
	require.NoError(t, err)
	require.Equal(t, "13800138009", r.Number, "as at the end of every e-mail")
	require.Equal(t, "100031;12 Fuxing Road", r.Devices[0].Address)
}

func FuzzPostalAddress(f *testing.F) {
	for _, s := range []string{homeAddress, "100031\n12 Fuxing Road", "１０００３１；北京（", "100031; ;x", "100031;𬍛\u00a0村", ";;;", "100031;a\u3000b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := NewAddress(DeviceLetter, s)
		if err != nil {
			return
		}
		again, err := NewAddress(DeviceLetter, a.Reveal())
		if err != nil || again != a {
			t.Fatalf("%q is %q, and that read again is %q: %v", s, a.Reveal(), again.Reveal(), err)
		}
		lines := strings.Split(a.Reveal(), ";")
		if len(lines) < 2 || len(lines) > PostalLines || !digits(lines[0]) || len(lines[0]) != 6 {
			t.Fatalf("lines %q", lines)
		}
		for _, line := range lines {
			if postalWidth(line) > PostalWidth || strings.TrimSpace(line) != line || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || foreign(r) }) {
				t.Fatalf("line %q", line)
			}
		}
	})
}
