package acquirer

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseCommand(t *testing.T) {
	const card = "6227000000000000011"
	reg := Request{Kind: RequestRegister, Name: "张三丰", Card: card, Language: Chinese}
	for text, want := range map[string]Request{
		"注册 张三丰 6227000000000000011":              reg,
		"  注册  张三丰\t6227000000000000011\r\n":      reg,
		"注册张三丰 6227000000000000011":               reg,
		"注册张三丰6227000000000000011":                reg,
		"注册：张三丰 6227 0000 0000 0000 011":          reg,
		"注册 张三丰 6227-0000-0000-0000-011":          reg,
		"注册　张三丰　６２２７０００００００００００００１１":              reg,
		"登记 6227000000000000011 张三丰":              reg,
		"注册 张三丰 6227000000000000011 13800138009":  {Kind: RequestRegister, Name: "张三丰", Card: card, Number: "13800138009", Language: Chinese},
		"注册 13800138009 张三丰 6227000000000000011":  {Kind: RequestRegister, Name: "张三丰", Card: card, Number: "13800138009", Language: Chinese},
		"注册 买买提·艾力 6227000000000000011":           {Kind: RequestRegister, Name: "买买提·艾力", Card: card, Language: Chinese},
		"注册 𬨎𠮷 6227000000000000011":               {Kind: RequestRegister, Name: "𬨎𠮷", Card: card, Language: Chinese},
		"REG LI MING 6227000000000000011":         {Kind: RequestRegister, Name: "LI MING", Card: card, Language: English},
		"register: Li Ming 6227000000000000011":   {Kind: RequestRegister, Name: "Li Ming", Card: card, Language: English},
		"reg 李明 6227000000000000011":              {Kind: RequestRegister, Name: "李明", Card: card, Language: English},
		"改卡 6227000000000000011":                  {Kind: RequestChangeCard, Card: card, Language: Chinese},
		"CARD 6227000000000000011 +8613800138009": {Kind: RequestChangeCard, Card: card, Number: "8613800138009", Language: English},
		"改名 张三":                          {Kind: RequestChangeName, Name: "张三", Language: Chinese},
		"改号 13800138005":                 {Kind: RequestChangeNumber, NewNumber: "13800138005", Language: Chinese},
		"NUMBER 13800138009 13800138005": {Kind: RequestChangeNumber, Number: "13800138009", NewNumber: "13800138005", Language: English},
		"暂停":                             {Kind: RequestSuspend, Language: Chinese},
		"恢复。":                            {Kind: RequestResume, Name: "", Language: Chinese},
		"注销":                             {Kind: RequestDelete, Language: Chinese},
		"delete 13800138009":             {Kind: RequestDelete, Number: "13800138009", Language: English},
		"查询":                             {Kind: RequestSee, Language: Chinese},
		"确认 123456":                      {Kind: RequestConfirm, Code: "123456", Language: Chinese},
		"确认123456":                       {Kind: RequestConfirm, Code: "123456", Language: Chinese},
		"１２３４５６":                         {Kind: RequestConfirm, Code: "123456", Language: Chinese},
		"ok 123456":                      {Kind: RequestConfirm, Code: "123456", Language: English},
		"确认 123456 13800138009":          {Kind: RequestConfirm, Code: "123456", Number: "13800138009", Language: Chinese},
		"取消 654321":                      {Kind: RequestCancel, Code: "654321", Language: Chinese},
		"重发":                             {Kind: RequestResend, Language: Chinese},
		"帮助":                             {Kind: RequestHelp, Language: Chinese},
		"通知 短信 邮件:li@mail.test":          {Kind: RequestDevices, Devices: []DeviceChoice{{DeviceSMS, ""}, {DeviceEmail, "li@mail.test"}}, Language: Chinese},
		"NOTIFY pc:token sms":            {Kind: RequestDevices, Devices: []DeviceChoice{{DevicePC, "token"}, {DeviceSMS, ""}}, Language: English},
	} {
		got, err := ParseCommand(text)
		require.NoError(t, err, text)
		require.Equal(t, fmt.Sprintf("%#v", plain(want)), fmt.Sprintf("%#v", plain(got)), text)
	}
}

// plain is a request whose values can be printed.
func plain(r Request) any {
	type printable Request
	return printable(r)
}

func TestParseCommandRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"":                            ErrNoCommand,
		"   ":                         ErrNoCommand,
		"你好":                          ErrNoCommand,
		"1234567":                     ErrNoCommand,
		"12345":                       ErrNoCommand,
		"register6227000000000000011": ErrNoCommand,
		"注册 张三丰 ٦٢٢٧٠٠٠٠٠٠٠٠٠٠٠٠٠١١":       ErrText, // Arabic-Indic
		"注册 张三丰 𝟔𝟐𝟐𝟕000000000000011":       ErrText, // mathematical
		"注册 张三丰 ६२२७000000000000011":       ErrText, // Devanagari
		"确认 ①②③④⑤⑥":                        ErrText,
		"确认 123456 👍":                      ErrText,
		"注册 张三丰❤️ 6227000000000000011":     ErrText,
		"注册 张\u200b三丰 6227000000000000011": ErrText, // zero width space
		"注册 \u202e张三丰 6227000000000000011": ErrText, // right-to-left override
		"确认\x00123456":                     ErrText,
		"确认 12\x7f3456":                    ErrText,
		"确认 \xff\xfe":                      ErrText,
		"注册 " + strings.Repeat("张", 400):   ErrText, // oversized
		"注册 \ue000":                        ErrText, // private use
	} {
		_, err := ParseCommand(text)
		require.ErrorIs(t, err, want, "%q", text)
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{"注册 张三丰 6227000000000000011", "REG LI MING 6227 0000 0000 0000 011 13800138009", "１２３４５６", "通知 短信 邮件:a@b.c",
		"改号 13800138009 13800138005", "确认 123456 👍", "注册\u202e", "取消", "+86", "注册 - 1", "NOTIFY :"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseCommand(text)
		if r.Language != Chinese && r.Language != English {
			t.Fatal("no language")
		}
		if err != nil {
			return
		}
		if !r.Kind.known() || len(text) > maxCommand || !utf8.ValidString(text) {
			t.Fatalf("a request of kind %d", r.Kind)
		}
		for _, digitsOnly := range []string{r.Card, r.Number, r.NewNumber, r.Code} {
			if digitsOnly != "" && !digits(digitsOnly) {
				t.Fatalf("%q is not of digits", digitsOnly)
			}
		}
		if r.Code != "" && !isCode(r.Code) {
			t.Fatalf("code %q", r.Code)
		}
		for _, c := range r.Name {
			if foreign(c) {
				t.Fatalf("name %q", r.Name)
			}
		}
		again, err := ParseCommand(FoldWidth(text))
		if err != nil || fmt.Sprintf("%#v", plain(again)) != fmt.Sprintf("%#v", plain(r)) {
			t.Fatalf("full width reads differently: %v", err)
		}
	})
}

func TestCheckName(t *testing.T) {
	for name, want := range map[string][]Reason{
		"王明": nil, "王小明": nil, "欧阳小明": nil, "买买提·艾力": nil, "𠮷田": nil, "㐂明": nil, "\U0002EBF0明": nil, "王〇": nil,
		strings.Repeat("王", 25): nil, "LI MING": nil, "Li Ming": nil, "O'Neil-Smith Jr.": nil, strings.Repeat("A", 50): nil,
		"": {ReasonName}, "王": {ReasonName}, "A": {ReasonName}, strings.Repeat("王", 26): {ReasonName}, strings.Repeat("A", 51): {ReasonName},
		"·王明": {ReasonName}, "王明·": {ReasonName}, "王··明": {ReasonName}, "王 明": {ReasonName}, "王-明": {ReasonName}, "王A": {ReasonName},
		"Li  Ming-": {ReasonName}, "-Li": {ReasonName}, "Li--Ming": {ReasonName}, "王明1": {ReasonName}, "王明!": {ReasonName}, "Lí Ming": {ReasonName},
		"Иван": {ReasonLookAlike}, "LI МING": {ReasonLookAlike}, "ΑΒ": {ReasonLookAlike}, "王\u2F08": {ReasonLookAlike}, "王\u2E8D": {ReasonLookAlike},
		"王\uF900": {ReasonLookAlike}, "王\U0002F800": {ReasonLookAlike}, "王\u200D明": {ReasonLookAlike}, "王〡": {ReasonLookAlike}, "𝐋𝐈 Ming": {ReasonLookAlike},
		"王٣": {ReasonLookAlike}, "ﾜﾝ": {ReasonLookAlike}, "王\uE000": {ReasonLookAlike}, "e\u0301A": {ReasonLookAlike}, "王ー": {ReasonName},
	} {
		require.Equal(t, want, CheckName(name), "%q", name)
	}
}
