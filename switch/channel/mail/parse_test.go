package mail

import (
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// head is the header that every test message has; more fields and the body come behind it.
const head = "From: li@mail.example\nTo: register@pay.example\nMessage-ID: <1@mail.example>\nMIME-Version: 1.0\n"

func parse(t *testing.T, text string) *mail {
	t.Helper()
	m, err := readMail(crlf(text))
	require.NoError(t, err)
	return m
}

func base64Of(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func quoted(t *testing.T, b []byte) string {
	t.Helper()
	var s strings.Builder
	w := quotedprintable.NewWriter(&s)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return s.String()
}

func TestReadCharsets(t *testing.T) {
	const plain, complex, rare = "注册 李明 6217001234567890120", "註冊 李明 6217001234567890120", "注册 㛃䶮 6217001234567890120"
	gbk, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(plain))
	require.NoError(t, err)
	gb18030, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(rare))
	require.NoError(t, err)
	big5, err := traditionalchinese.Big5.NewEncoder().Bytes([]byte(complex))
	require.NoError(t, err)
	for _, v := range []struct {
		charset string
		bytes   []byte
		want    string
	}{
		{"utf-8", []byte(plain), plain},
		{"UTF-8", []byte("\uFEFF" + plain), plain},
		{"gb2312", gbk, plain},
		{"GBK", gbk, plain},
		{"gb18030", gb18030, rare},
		{"gb2312", gb18030, rare}, // names the smaller, writes the larger
		{"big5", big5, complex},
		{"", gbk, plain},                    // none named
		{"us-ascii", []byte(plain), plain},  // named wrongly
		{"utf-8", gbk, plain},               // named wrongly
		{"x-unknown", []byte(plain), plain}, // unknown
		{"iso-8859-1", []byte("REGISTER Jos\xe9"), "REGISTER José"},
		{"utf-8", []byte("注册\xff\xff"), "注册\uFFFD"}, // fits nothing
		{"utf-8", []byte("注册\x00 1"), "注册\uFFFD 1"},
		{"utf-8", []byte("注册 🎉 ６２１７"), "注册 🎉 ６２１７"}, // for the command reader to judge
		{"utf-8", []byte("注册 б217ⅼ"), "注册 б217ⅼ"},
	} {
		for encoding, body := range map[string]string{"8bit": string(v.bytes), "base64": base64Of(v.bytes), "quoted-printable": quoted(t, v.bytes)} {
			charset := map[bool]string{true: "", false: "; charset=" + v.charset}[v.charset == ""]
			text := head + "Content-Type: text/plain" + charset + "\nContent-Transfer-Encoding: " + encoding + "\n\n" + body + "\n"
			require.Equal(t, v.want, parse(t, text).text, "%s in %s", v.charset, encoding)
		}
	}
}

func TestReadText(t *testing.T) {
	long := strings.Repeat("长", 249)
	for name, v := range map[string]struct{ body, want string }{
		"one line":           {"确认 123456", "确认 123456"},
		"paragraph":          {"\n\n注册\n李明\n\n谢谢", "注册\n李明"},
		"quotation":          {"> 您好\n>> x\n\n确认 123456\n> 旧的", "确认 123456"},
		"reply, Chinese":     {"确认 123456\n在 2026年11月24日，“手机付款” 写道：\n取消", "确认 123456"},
		"reply, QQ":          {"确认 123456\n------------------ 原始邮件 ------------------\n取消", "确认 123456"},
		"reply, Outlook":     {"确认 123456\n-----Original Message-----\n取消", "确认 123456"},
		"reply, Outlook 2":   {"确认 123456\n发件人: notice@pay.example\n取消", "确认 123456"},
		"reply, English":     {"OK 123456\nOn Tue, Nov 24, 2026 at 6:00 PM Pay <notice@pay.example> wrote:\nCANCEL", "OK 123456"},
		"only a reply":       {"在 2026年11月24日，“手机付款” 写道：\n取消", ""},
		"signature":          {"确认 123456\n-- \n李明", "确认 123456"},
		"signature, bare":    {"确认 123456\n--\n李明", "确认 123456"},
		"no signature":       {"确认 123456\n---\n李明", "确认 123456\n---\n李明"},
		"telephone":          {"确认 123456\n发自我的iPhone", "确认 123456"},
		"telephone, English": {"OK 123456\nSent from my iPhone", "OK 123456"},
		"nothing":            {"", ""},
		"blanks":             {" \t\n　\n", ""},
		"500 characters":     {long + "\n" + long + "x", long + "\n" + long + "x"},
		"501 characters":     {long + "\n" + long + "xy", long},
		"one long line":      {strings.Repeat("长", 501), ""},
	} {
		require.Equal(t, v.want, parse(t, head+"Content-Type: text/plain; charset=utf-8\n\n"+v.body+"\n").text, name)
	}
}

func TestReadFlowed(t *testing.T) {
	for name, v := range map[string]struct{ params, body, want string }{
		"soft":      {"", "注册 李明 \n6217001234567890120\n", "注册 李明 6217001234567890120"},
		"delsp":     {"; delsp=yes", "注册李 \n明\n", "注册李明"},
		"stuffed":   {"", " > 确认\n", "> 确认"},
		"quoted":    {"", "> 旧 \n> 的\n确认 1\n", "确认 1"},
		"changed":   {"", "> 旧 \n确认 1\n", "确认 1"},
		"signature": {"", "确认 1 \n-- \n李\n", "确认 1"},
		"hard":      {"", "注册\n李明\n", "注册\n李明"},
	} {
		got := unflow(v.body, v.params != "")
		if name != "stuffed" {
			got = parse(t, head+"Content-Type: text/plain; charset=utf-8; format=flowed"+v.params+"\n\n"+v.body).text
		}
		require.Equal(t, v.want, strings.TrimSpace(got), name)
	}
}

// part is one part of a multipart.
func part(header, body string) string { return header + "\n\n" + body + "\n" }

func multipart(kind, boundary string, parts ...string) string {
	s := "Content-Type: multipart/" + kind + "; boundary=\"" + boundary + "\"\n\n"
	for _, p := range parts {
		s += "--" + boundary + "\n" + p
	}
	return s + "--" + boundary + "--\n"
}

func TestReadMultipart(t *testing.T) {
	text := func(s string) string { return part("Content-Type: text/plain; charset=utf-8", s) }
	page := func(s string) string { return part("Content-Type: text/html; charset=utf-8", s) }
	attached := part("Content-Type: text/plain; charset=utf-8\nContent-Disposition: attachment; filename=\"a.txt\"", "附件")
	for name, v := range map[string]struct{ text, want string }{
		"alternative":      {multipart("alternative", "b", text("确认 1"), page("<p>别的</p>")), "确认 1"},
		"html first":       {multipart("alternative", "b", page("<p>别的</p>"), text("确认 1")), "确认 1"},
		"html only":        {multipart("alternative", "b", page("<style>p{}</style><div>确认&nbsp;1</div>")), "确认\u00a01"},
		"empty plain":      {multipart("alternative", "b", text(""), page("<p>确认 1</p>")), "确认 1"},
		"attachment first": {multipart("mixed", "b", attached, text("确认 1")), "确认 1"},
		"attachment only":  {multipart("mixed", "b", attached), ""},
		"two texts":        {multipart("mixed", "b", text("确认 1"), text("取消")), "确认 1"},
		"nested":           {multipart("mixed", "b", multipart("related", "c", multipart("alternative", "d", text("确认 1")))), "确认 1"},
		"forwarded":        {multipart("mixed", "b", part("Content-Type: message/rfc822", "From: x@y.example\n\n取消")), ""},
		"picture":          {multipart("related", "b", part("Content-Type: image/png\nContent-Transfer-Encoding: base64", "AAAA"), text("确认 1")), "确认 1"},
		"bare html":        {"Content-Type: text/html; charset=utf-8\n\n<!-- 取消 --><table><tr><td>注册</td></tr><tr><td>李明</td></tr></table>\n", "注册\n李明"},
		"html quotation":   {"Content-Type: text/html; charset=utf-8\n\n确认 1<br><blockquote>取消</blockquote>\n", "确认 1"},
		"html entities":    {"Content-Type: text/html\n\n&#30830;&#35748; 1 &lt;b&gt;\n", "确认 1 <b>"},
		"html NUL":         {"Content-Type: text/html\n\n1&#0;&#1;2\n", "1\uFFFD\uFFFD2"},
		"no type":          {"\n确认 1\n", "确认 1"},
		"odd type":         {"Content-Type: ;;;\n\n确认 1\n", "确认 1"},
		"unknown encoding": {"Content-Transfer-Encoding: x-uuencode\n\n确认 1\n", "确认 1"},
	} {
		require.Equal(t, v.want, parse(t, head+v.text).text, name)
	}
}

// TestReadSubject: a message without text is its subject.
func TestReadSubject(t *testing.T) {
	gbk, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte("确认 123456"))
	require.NoError(t, err)
	for subject, want := range map[string]string{
		"OK 123456": "OK 123456",
		"Re: RE: 回复：答复[2]: 确认 123456":                                                               "确认 123456",
		"=?utf-8?B?" + base64Of([]byte("确认")) + "?= =?utf-8?B?" + base64Of([]byte("123456")) + "?=": "确认123456",
		"=?gb2312?B?" + base64Of(gbk) + "?=":                                                        "确认 123456",
		string(gbk):                                                                                 "确认 123456",
		"=?x-none?B?AAAA?=":                                                                         "\uFFFD\uFFFD\uFFFD",
		strings.Repeat("a ", 250):                                                                   strings.TrimSpace(strings.Repeat("a ", 250)),
		strings.Repeat("a", 501):                                                                    "",
	} {
		require.Equal(t, want, parse(t, head+"Subject: "+subject+"\n\n\n").text, subject)
	}
	require.Equal(t, "帮助", parse(t, head+"Subject: OK 123456\n\n帮助\n").text, "text goes before subject")
}

func TestReadRefuses(t *testing.T) {
	fieldsOf := func(n int) string { return strings.Repeat("X-A: b\n", n) }
	nest := func(depth int) string {
		s := part("Content-Type: text/plain", "x")
		for i := range depth {
			s = multipart("mixed", fmt.Sprintf("b%d-", i), s)
		}
		return s
	}
	many := func(n int) string {
		return multipart("mixed", "b", strings.Split(strings.Repeat(part("Content-Type: text/plain", "x")+"|", n-1)+part("Content-Type: text/plain", "x"), "|")...)
	}
	for name, v := range map[string]struct{ text, fault string }{
		"two From lines":   {head + "From: wang@mail.example\n\nx\n", "2 From lines"},
		"no From":          {"To: a@b.example\n\nx\n", "0 From lines"},
		"two in From":      {"From: li@mail.example, wang@mail.example\n\nx\n", "From is not one address"},
		"group in From":    {"From: all: li@mail.example;\n\nx\n", ""},
		"quoted local":     {"From: \"l i\"@mail.example\n\nx\n", "From: no plain"},
		"empty":            {"", "0 From lines"},
		"no colon":         {"hello\n\nx\n", "header"},
		"NUL in header":    {head + "X-A: a\x00b\n\nx\n", "NUL in the header"},
		"150 fields":       {head + fieldsOf(maxFields-4) + "\nx\n", ""},
		"151 fields":       {head + fieldsOf(maxFields-3) + "\nx\n", "header fields"},
		"150 in a part":    {head + multipart("mixed", "b", part(fieldsOf(maxFields-1)+"X: y", "x")), ""},
		"151 in a part":    {head + multipart("mixed", "b", part(fieldsOf(maxFields)+"X: y", "x")), "header fields"},
		"large header":     {head + "X-A: " + strings.Repeat("a b ", maxHeader/4) + "\n\nx\n", "header"},
		"no boundary":      {head + "Content-Type: multipart/mixed\n\nx\n", "without a boundary"},
		"cut off":          {head + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nx\n", "a part"},
		"5 levels":         {head + nest(maxDepth), ""},
		"6 levels":         {head + nest(maxDepth+1), "levels"},
		"40 parts":         {head + many(maxParts-1), ""},
		"41 parts":         {head + many(maxParts), "parts"},
		"broken base64":    {head + "Content-Transfer-Encoding: base64\n\n!!!!\n", "a text"},
		"half base64":      {head + "Content-Transfer-Encoding: base64\n\nT0sgMQ==!!\n", ""},
		"another header":   {"From: li@mail.example\nFROM : li@mail.example\n\nx\n", "2 From lines"},
		"folded From":      {"From: \"Li\"\n <li@mail.example>\n\nx\n", ""},
		"comment in From":  {"From: li@mail.example (wang@mail.example)\n\nx\n", ""},
		"encoded address":  {"From: =?utf-8?Q?wang=40evil.example?= <li@mail.example>\n\nx\n", ""},
		"long Message-ID":  {"From: li@mail.example\nMessage-ID: <" + strings.Repeat("a", 2000) + "@x>\n\nx\n", ""},
		"header, nobody":   {"From: li@mail.example\n", ""},
		"oddly long From":  {"From: " + strings.Repeat("a", 300) + "@mail.example\n\nx\n", "no plain"},
		"source route":     {"From: <@evil.example:li@mail.example>\n\nx\n", "From is not one"},
		"percent in local": {"From: li%evil@mail.example\n\nx\n", ""},
	} {
		m, err := readMail(crlf(v.text))
		if v.fault == "" {
			require.NoError(t, err, name)
			require.Contains(t, m.from, "@mail.example", name)
			continue
		}
		require.ErrorIs(t, err, errMail, name)
		require.ErrorContains(t, err, v.fault, name)
		require.NotContains(t, err.Error(), "mail.example", name)
	}
}

// TestKey: what one message is.
func TestKey(t *testing.T) {
	key := func(s string) string { return parse(t, s).key() }
	bare := "From: li@mail.example\nDate: Tue, 24 Nov 2026 18:00:00 +0800\nSubject: a\n\nx\n"
	require.Equal(t, key(bare), key("Received: from a by b\n"+bare), "the way there does not count")
	for _, other := range []string{strings.Replace(bare, "li@", "wang@", 1), strings.Replace(bare, "18:00:00", "18:00:01", 1),
		strings.Replace(bare, "Subject: a", "Subject: b", 1), strings.Replace(bare, "x\n", "y\n", 1)} {
		require.NotEqual(t, key(bare), key(other))
	}
	named := strings.Replace(bare, "Subject", "Message-ID: <1@x>\nSubject", 1)
	require.Equal(t, key(named), key(strings.Replace(named, "x\n", "y\n", 1)), "with a Message-ID it is the message")
	require.NotEqual(t, key(named), key(strings.Replace(named, "li@", "wang@", 1)), "another's is another")
	for _, id := range []string{"", "none", "<>", "<a b>", "<" + strings.Repeat("a", maxMessageID+1) + ">"} {
		require.Regexp(t, "^sha256:[0-9a-f]{64}$", key(strings.Replace(bare, "Subject", "Message-ID: "+id+"\nSubject", 1)), id)
	}
	longest := key(strings.Replace(bare, "Subject", "Message-ID: <"+strings.Repeat("a", maxMessageID-2)+">\nSubject", 1))
	require.True(t, strings.HasPrefix(longest, "<aaa") && len(longest) <= 200, longest)
}

// FuzzReadMail: whatever comes, reading ends, within bounds, and what is read holds nothing that could end a line of an
// answer.
func FuzzReadMail(f *testing.F) {
	f.Add([]byte(plain("1", "注册 李明")))
	f.Add(crlf(head + multipart("mixed", "b", part("Content-Type: text/html; charset=gbk", "<p>x</p>"))))
	f.Add(crlf(head + "Content-Type: text/plain; format=flowed; delsp=yes\n\n> a \n>> b \n-- \n"))
	samples, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(samples) == 0 {
		f.Fatal("no sample messages", err)
	}
	for _, name := range samples {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(crlf(string(b)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > maxMessage {
			return
		}
		m, err := readMail(raw)
		if err != nil {
			require.ErrorIs(t, err, errMail)
			return
		}
		require.LessOrEqual(t, len([]rune(m.text)), maxText+1)
		require.NotContains(t, m.text, "\r")
		require.NotContains(t, m.text, "\x00")
		require.LessOrEqual(t, len(m.key()), 200)
		require.Equal(t, m.key(), m.key())
		if m.from == "" {
			require.NotNil(t, m.report)
			return
		}
		b, err := letter{to: m.from, id: "x@y", automatic: "auto-replied", inReplyTo: m.messageID, refers: thread(m), text: "a"}.compose()
		require.NoError(t, err)
		again, err := readMail([]byte(strings.Replace(string(b), "From: <@>\r\n", "From: a@pay.example\r\n", 1)))
		require.NoError(t, err)
		require.Equal(t, "auto-replied", again.value("Auto-Submitted"))
		require.Equal(t, m.messageID, again.value("In-Reply-To"))
		require.Equal(t, thread(m), again.references)
	})
}
