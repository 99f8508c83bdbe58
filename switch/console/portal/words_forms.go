package portal

// formWords are the texts of the forms.
var formWords = map[string]bilingual{
	"field.number":          {"手机号", "Mobile number"},
	"field.number.hint":     {"11位，接收短信验证码。", "11 digits. The code is sent there."},
	"field.new_number":      {"新手机号", "New mobile number"},
	"field.new_number.hint": {"两个号码都会收到验证码。", "Both numbers are sent a code."},
	"field.name":            {"姓名", "Name"},
	"field.name.hint":       {"与银行卡户名一致。", "As at the card's bank."},
	"field.card":            {"借记卡卡号", "Debit card number"},
	"field.card.hint":       {"款项将付至此卡。出于安全，卡号不会回显。", "Payments go to it. For safety it is never shown again."},
	"field.code":            {"验证码", "Code"},
	"field.code.hint":       {"短信中的6位数字。", "The six digits of the text message."},
	"field.number.optional": {"手机号（通过其他方式提出的请求才需填写）", "Mobile number (only for a request that you made another way)"},
	"field.device":          {"通知方式", "Device"},
	"field.device.none":     {"不使用", "None"},
	"field.address":         {"地址（邮件、网址或邮寄时填写）", "Address (for e-mail, webhook or letter)"},
	"field.address.letter":  {"邮寄地址依次写邮政编码、省市区、街道门牌，用分号隔开，如：100031;北京市西城区;复兴门内大街156号。收件人为您的姓名，每天至多一封。", "A postal address begins with the postcode; its lines are parted by semicolons: 100031;156 Fuxingmennei Street;Xicheng, Beijing. The letter goes to your name, at most one a day."},
	"field.place":           {"第%d顺位", "Choice %d"},
	"form.resend":           {"没有收到？重新发送", "Nothing came? Send another"},
	"form.privacy": {"姓名、卡号与手机号仅用于核验身份和向您付款，加密保存。您可随时查看、下载或要求删除。",
		"Name, card and number are used to verify you and to pay you, and are stored enciphered. You can see, download or delete them at any time."},

	"register.title":  {"注册收款", "Register"},
	"register.lead":   {"登记后，付款人凭您的手机号即可向您的借记卡付款。", "Once registered, you are paid to your debit card at your mobile number."},
	"register.button": {"注册并获取验证码", "Register and get a code"},

	"confirm.title":  {"输入验证码", "Enter the code"},
	"confirm.lead":   {"请求已收到。如可办理，验证码将以短信发至该手机号，10分钟内有效。", "Your request was taken. If it can be carried out, a code is sent to the number by text message. It is valid for 10 minutes."},
	"confirm.button": {"确认", "Confirm"},
	"confirm.sent":   {"如可办理，新的验证码正在发送。", "If it can be carried out, another code is on its way."},
	"confirm.half":   {"此验证码正确。请再输入发至另一个号码的验证码。", "That code is right. Now enter the one that was sent to the other number."},

	"card.title":  {"变更收款卡", "Change the card"},
	"card.lead":   {"确认后须等待一段时间才生效，期间可随时取消。", "It takes effect some time after you confirm it. Until then you can call it off."},
	"card.button": {"变更并获取验证码", "Change and get a code"},

	"name.title":  {"变更姓名", "Change the name"},
	"name.lead":   {"确认后由人工审核。", "Once you confirm it, a person looks at it."},
	"name.button": {"变更并获取验证码", "Change and get a code"},

	"number.title":  {"变更手机号", "Change the number"},
	"number.lead":   {"新旧号码都须确认，之后须等待一段时间才生效。", "Both numbers must confirm it. It takes effect some time after that."},
	"number.button": {"变更并获取验证码", "Change and get a code"},

	"devices.title":  {"变更通知方式", "Change the devices"},
	"devices.lead":   {"按顺序尝试，前一种送不到时用下一种。将替换原有设置。", "They are tried in order: when one does not reach you the next is used. This replaces what is set."},
	"devices.button": {"变更并获取验证码", "Change and get a code"},

	"suspend.title":  {"暂停收款", "Suspend payments"},
	"suspend.lead":   {"暂停期间无法向您的手机号付款。已付款项照常到账。", "Nobody can pay your number while it is suspended. What was paid before still comes."},
	"suspend.button": {"暂停并获取验证码", "Suspend and get a code"},

	"resume.title":  {"恢复收款", "Resume payments"},
	"resume.lead":   {"恢复已暂停的收款。长期未使用的号码也在此重新确认。", "Be paid again after a pause. A number that was silent for long is confirmed here too."},
	"resume.button": {"恢复并获取验证码", "Resume and get a code"},

	"delete.title":  {"注销", "Delete everything"},
	"delete.lead":   {"注销后无法再向您的手机号付款，您的信息将被删除，依法须保存的交易记录除外。", "Nobody can pay your number any more, and what is held about you is deleted, except records of payments that the law wants kept."},
	"delete.button": {"注销并获取验证码", "Delete and get a code"},

	"see.title":  {"查看登记信息", "See what is held"},
	"see.lead":   {"验证手机号后，可查看、下载全部登记信息和收款明细。", "Once your number is confirmed you can see and download everything that is held, and your payments."},
	"see.button": {"获取验证码", "Get a code"},

	"cancel.title":  {"取消变更", "Call a change off"},
	"cancel.lead":   {"收到您未曾申请的变更通知？请立即用通知中的取消码取消。", "Were you told of a change that you did not ask for? Call it off at once, with the code in that message."},
	"cancel.button": {"取消变更", "Call it off"},
}
