package dialogue

import (
	"fmt"
	"strings"

	acquirer "example.com/ringback/switch"
)

// line is what a conversation says at one place, in both languages. It is written as it is spoken, so that recorded
// voices can have each clause of it.
type line struct{ zh, en string }

// in writes a line in a language; a line with a place for a value has %s there.
func (w line) in(l acquirer.Language, values ...any) string {
	s := w.zh
	if l == acquirer.English {
		s = w.en
	}
	return fmt.Sprintf(s, values...)
}

// The lines of both conversations.
var (
	lineSilent = line{"没有收到按键。", "No key was pressed."}
	lineWrong  = line{"按键有误。", "That key is wrong."}
	lineBye    = line{"再见。", "Goodbye."}
)

// The lines of the call that brings a notice.
var (
	lineNotice = line{"您好，这里是手机号收款服务，有您的通知。", "Hello, this is the mobile payment service, with a message for you."}
	lineGate   = line{"收听请按一。", "To hear it, press one."}
	lineHeard  = line{"听清了请按一，重听请按二。", "If you heard it, press one, to hear it again, press two."}
	lineThanks = line{"谢谢，再见。", "Thank you. Goodbye."}
)

// The lines of the menu.
var (
	lineHello = line{"您好，这里是手机号收款服务。", "Hello, this is the mobile payment service."}
	// lineOther is spoken in the other language.
	lineOther = line{"中文请按九。", "For English, press nine."}

	lineWhose   = line{"本机号码，尾号%s，请按一。其他号码请按二。", "For the number that you call from, ending %s, press one. For another number, press two."}
	lineNoWhose = line{"输入手机号码请按二。", "To key a mobile number, press two."}
	lineMenu    = line{
		"注册请按一，变更收款卡请按二，输入验证码请按三，暂停收款请按四，恢复收款请按五，注销请按六，重发验证码请按七，取消变更请按八，重听请按零，返回请按星号键。",
		"To register, press one. To change the card, press two. To key a code, press three. To suspend payments, press four. " +
			"To resume payments, press five. To delete everything, press six. For another code, press seven. " +
			"To call off a change, press eight. To hear it again, press zero. To go back, press star."}

	lineRight  = line{"正确请按一，重新输入请按二，返回请按星号键。", "If it is right, press one, to key it again, press two, to go back, press star."}
	lineSure   = line{"确认请按一，返回请按星号键。", "To confirm, press one, to go back, press star."}
	lineDelete = line{"注销将删除全部信息。", "Everything that is held will be deleted."}
	lineResume = line{"恢复收款。", "Resume payments."}
	lineStop   = line{"暂停收款。", "Suspend payments."}

	lineNumber     = line{"请输入手机号码，按井号键结束。", "Key the mobile number, then the hash key."}
	lineBadNumber  = line{"手机号码有误。", "That is no mobile number."}
	lineReadNumber = line{"手机号码，%s。", "The mobile number is, %s."}

	lineCard     = line{"请输入收款卡卡号，按井号键结束，返回请按星号键。", "Key the number of the debit card, then the hash key, to go back, press star."}
	lineBadCard  = line{"卡号有误。", "The card number is mistyped."}
	lineReadCard = line{"收款卡，尾号%s。", "The card is, ending %s."}

	lineName = line{"请输入姓名的区位码，每个字四位数字，按井号键结束。不知道区位码，返回请按星号键，请用其他方式注册。",
		"Key the name by its character codes, four digits for each character, then the hash key. If you do not know them, " +
			"to go back, press star, and register in another way."}
	lineBadName  = line{"区位码有误。", "The character codes are wrong."}
	lineReadName = line{"姓名，%s。", "The name is, %s."}

	lineCode     = line{"请输入验证码，按井号键结束，返回请按星号键。", "Key the code, then the hash key, to go back, press star."}
	lineCancel   = line{"请输入取消码，按井号键结束，返回请按星号键。", "Key the code to call off a change, then the hash key, to go back, press star."}
	lineBadCode  = line{"须为六位数字。", "The code has six digits."}
	lineWaitCode = line{"收到验证码后请输入，按井号键结束。也可以以后来电输入。", "When you have the code, key it, then the hash key. You can also call again and key it."}

	lineBusy = line{"现在不能办理，请稍后再试。", "It cannot be done now, please try again later."}
)

// allLines are the lines that a recorded voice must have.
var allLines = []line{lineSilent, lineWrong, lineBye, lineNotice, lineGate, lineHeard, lineThanks, lineHello, lineOther, lineWhose,
	lineNoWhose, lineMenu, lineRight, lineSure, lineDelete, lineResume, lineStop, lineNumber, lineBadNumber, lineReadNumber, lineCard,
	lineBadCard, lineReadCard, lineName, lineBadName, lineReadName, lineCode, lineCancel, lineBadCode, lineWaitCode, lineBusy}

// Lines returns everything that the conversations say in a language beside notices and answers, as it is spoken, with a
// value (digits, where no name is asked for) in each place for one.
func Lines(l acquirer.Language) (all []string) {
	for _, w := range allLines {
		s := w.zh
		if l == acquirer.English {
			s = w.en
		}
		all = append(all, Spoken(l, strings.ReplaceAll(s, "%s", "0123456789")))
	}
	return all
}
