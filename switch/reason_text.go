package acquirer

import "strings"

// bilingual is a text in both languages.
type bilingual struct{ zh, en string }

func (b bilingual) in(l Language) string {
	if l == English {
		return b.en
	}
	return b.zh
}

var reasonTexts = map[Reason]bilingual{
	ReasonNumber:     {"手机号码有误", "that is no mobile number of mainland China"},
	ReasonNewNumber:  {"新号码有误", "the new number is no mobile number of mainland China, or is the old one"},
	ReasonName:       {"姓名有误,须为2至25个汉字或拼音字母", "the name must be 2 to 25 Chinese characters, or letters A to Z"},
	ReasonLookAlike:  {"姓名含有形近字符,请用规范汉字", "the name has characters that look like others"},
	ReasonCardDigits: {"卡号有误", "the card number is mistyped"},
	ReasonCardBank:   {"无法识别该卡的发卡行", "the card is of no bank that is known here"},
	ReasonCardKind:   {"只能使用借记卡收款", "only a debit card can be paid to"},
	ReasonCardNoPact: {"该卡所属银行未签约", "the card's bank has no contract"},
	ReasonDevices:    {"通知方式有误", "the list of devices is wrong"},
	ReasonMissing:    {"信息不全", "something is missing"},
	ReasonCode:       {"请输入6位验证码", "the code has six digits"},
	ReasonKnown:      {"该号码已注册,如需变更请发送\"改卡\"或\"改名\"", "the number is registered already; send CARD or NAME to change it"},
	ReasonUnknown:    {"该号码未注册,请发送\"注册 姓名 卡号\"", "the number is not registered; send REG name card"},
	ReasonTaken:      {"新号码已注册", "the new number is registered already"},
	ReasonBank:       {"姓名与卡号不符,或该卡不可用", "name and card do not belong together, or the card cannot be used"},
	ReasonLimit:      {"发送过于频繁,请明天再试", "too many codes; try again tomorrow"},
	ReasonOperator:   {"审核未通过", "it was not approved"},
	ReasonOvertaken:  {"信息已变更,请重新办理", "something changed meanwhile; please ask again"},
}

// ReasonText says a reason to a person.
func ReasonText(l Language, r Reason) string { return reasonTexts[r].in(l) }

// ReasonsText joins reasons to one text.
func ReasonsText(l Language, reasons []Reason) string {
	texts := make([]string, len(reasons))
	for i, r := range reasons {
		texts[i] = ReasonText(l, r)
	}
	return strings.Join(texts, bilingual{"；", "; "}.in(l))
}

var requestTexts = map[RequestKind]bilingual{
	RequestRegister:     {"注册手机号收款", "register for payments to the number"},
	RequestChangeCard:   {"变更收款卡", "change the card"},
	RequestChangeName:   {"变更姓名", "change the name"},
	RequestChangeNumber: {"变更手机号码", "change the number"},
	RequestSuspend:      {"暂停收款", "suspend payments"},
	RequestResume:       {"恢复收款", "resume payments"},
	RequestDelete:       {"注销并删除信息", "delete everything"},
	RequestDevices:      {"变更通知方式", "change how you are told"},
	RequestSee:          {"查询登记信息", "see what is held"},
}

// RequestText says what was asked for to a person.
func RequestText(l Language, k RequestKind) string { return requestTexts[k].in(l) }

var statusTexts = map[PayeeStatus]bilingual{
	PayeeRegistered: {"未验证", "not verified"},
	PayeeActive:     {"可收款", "can be paid"},
	PayeeSuspended:  {"已暂停", "suspended"},
	PayeeDeleted:    {"已注销", "deleted"},
	PayeeBlocked:    {"已停用", "suspended by the operator"},
}

// StatusText says a payee's status to a person.
func StatusText(l Language, s PayeeStatus) string { return statusTexts[s].in(l) }
