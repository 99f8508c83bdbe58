package portal

import (
	"fmt"

	acquirer "example.com/ringback/switch"
)

// bilingual is a text in both languages.
type bilingual struct{ zh, en string }

// text returns a text of the pages.
func text(l acquirer.Language, key string) (string, error) {
	b, ok := words[key]
	if !ok {
		return "", fmt.Errorf("there is no text %q", key)
	}
	if l == acquirer.English {
		return b.en, nil
	}
	return b.zh, nil
}

// wrongCode marks the field of a code that nothing waits for.
const wrongCode acquirer.Reason = "wrong-code"

// reasonText says beside a field what is wrong with it. The switch's own words are for a text message.
func reasonText(l acquirer.Language, r acquirer.Reason) string {
	if s, err := text(l, "reason."+string(r)); err == nil {
		return s
	}
	return words["reason.other"].in(l)
}

func (b bilingual) in(l acquirer.Language) string {
	if l == acquirer.English {
		return b.en
	}
	return b.zh
}

// words are the texts of all pages. Those of a form begin with its name: title, lead, button.
var words = merge(pageWords, formWords, valueWords)

func merge(all ...map[string]bilingual) map[string]bilingual {
	out := map[string]bilingual{}
	for _, m := range all {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// valueWords are for values of the switch and for what is wrong with a value.
var valueWords = map[string]bilingual{
	"reason.number":      {"请输入11位中国大陆手机号码。", "Enter a mobile number of mainland China: 11 digits."},
	"reason.new-number":  {"请输入与原号码不同的11位手机号码。", "Enter a mobile number of 11 digits that is not the old one."},
	"reason.name":        {"请输入姓名：2至25个汉字，或拼音字母。", "Enter a name: 2 to 25 Chinese characters, or letters A to Z."},
	"reason.look-alike":  {"姓名中有形近字符，请改用规范汉字。", "The name has characters that look like others. Type it again in plain ones."},
	"reason.card-digits": {"卡号有误，请对照银行卡重新输入。", "The card number is mistyped. Compare it with the card and type it again."},
	"reason.card-bank":   {"无法识别该卡的发卡银行，请换一张卡。", "The card is of no bank that is known here. Use another card."},
	"reason.card-kind":   {"只能使用借记卡收款，请换一张借记卡。", "Only a debit card can be paid to. Use a debit card."},
	"reason.card-pact":   {"该卡所属银行尚未签约，请换一张卡。", "The card's bank has no contract with us. Use another card."},
	"reason.devices":     {"请至少选择一种通知方式，不得重复，并填写所需地址。", "Choose at least one device, each once, with the address that it needs."},
	"reason.missing":     {"请填写此项。", "This is needed."},
	"reason.code":        {"请输入6位数字验证码。", "Enter the code: six digits."},
	"reason.wrong-code":  {"验证码不正确或已失效，请核对后重新输入，或重新获取。", "That code is wrong or no longer valid. Check it and type it again, or ask for another."},
	"reason.other":       {"信息有误，请检查。", "Something is wrong. Please check it."},

	"status.registered": {"未验证", "not verified"},
	"status.active":     {"可收款", "can be paid"},
	"status.suspended":  {"已暂停", "suspended"},
	"status.deleted":    {"已注销", "deleted"},

	"device.sms":     {"短信", "Text message"},
	"device.voice":   {"电话语音", "Phone call"},
	"device.email":   {"电子邮件", "E-mail"},
	"device.pc":      {"电脑（此浏览器）", "Computer (this browser)"},
	"device.webhook": {"网络回调（网址）", "Webhook (URL)"},
	"device.letter":  {"信函（邮寄地址）", "Letter (postal address)"},
	"device.spool":   {"短信（营业点）", "Text message (branch)"},

	"request.register":      {"注册", "Register"},
	"request.change-card":   {"变更收款卡", "Change the card"},
	"request.change-name":   {"变更姓名", "Change the name"},
	"request.change-number": {"变更手机号", "Change the number"},
	"request.suspend":       {"暂停收款", "Suspend"},
	"request.resume":        {"恢复收款", "Resume"},
	"request.delete":        {"注销", "Delete"},
	"request.devices":       {"变更通知方式", "Change the devices"},
	"request.see":           {"查询登记信息", "See what is held"},

	"enrolment.received":  {"已收到", "received"},
	"enrolment.checked":   {"核验中", "being checked"},
	"enrolment.code-sent": {"已发送验证码", "code sent"},
	"enrolment.confirmed": {"已确认，待生效", "confirmed, not in force yet"},
	"enrolment.active":    {"已生效", "in force"},
	"enrolment.refused":   {"未通过", "refused"},
	"enrolment.expired":   {"已过期", "expired"},
	"enrolment.cancelled": {"已取消", "called off"},

	"channel.sms":      {"短信", "text message"},
	"channel.email":    {"邮件", "e-mail"},
	"channel.voice":    {"电话", "phone call"},
	"channel.web":      {"网页", "web page"},
	"channel.api":      {"程序接口", "API"},
	"channel.pc":       {"电脑", "computer"},
	"channel.spool":    {"营业点", "branch"},
	"channel.operator": {"人工", "operator"},

	"notice.debited":   {"扣款通知", "debited"},
	"notice.paid-out":  {"到账通知", "paid out"},
	"notice.new-card":  {"请更换收款卡", "another card is wanted"},
	"notice.code":      {"验证码", "code"},
	"notice.staged":    {"变更预告", "a change is to come"},
	"notice.active":    {"变更生效", "in force"},
	"notice.refused":   {"未通过", "refused"},
	"notice.cancelled": {"已取消", "called off"},
	"notice.held":      {"登记信息", "what is held"},
	"notice.dormant":   {"号码确认提醒", "confirm the number again"},

	"sent.queued":    {"待发送", "waiting"},
	"sent.handed":    {"已发出", "sent"},
	"sent.delivered": {"已送达", "delivered"},
	"sent.dead":      {"未能送达", "could not be delivered"},
	"sent.withdrawn": {"已撤回", "withdrawn"},

	"payment.approved":  {"待入账", "to come"},
	"payment.settled":   {"已清算，付款途中", "settled, on its way"},
	"payment.paying":    {"付款途中", "on its way"},
	"payment.paid":      {"已到账", "on your card"},
	"payment.reversing": {"撤销中", "being undone"},
	"payment.reversed":  {"已撤销", "undone"},
}
