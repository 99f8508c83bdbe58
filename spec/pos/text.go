package pos

import "strings"

// Classes of response codes (UnionPay POS dialect, section 9).
const (
	ClassSuccess byte = 'A' // done
	ClassRetry   byte = 'B' // the holder or operator may try again
	ClassRefuse  byte = 'C' // refused
	ClassRetain  byte = 'D' // refused; keep the card or call the issuer
	ClassSystem  byte = 'E' // a fault of the system
)

// unknownText is shown for a code that no list has.
const unknownText = "交易失败"

// Text is the display text of response code F39, in UTF-8. In GBK it fits the TX
// element: at most MaxText bytes. Codes of the phone-pay transaction (P1 to P5,
// 65 and 31) have their own texts, all others that of current terminals or,
// where those have none, of older ones. An unknown code has a general text.
func Text(code string) string {
	_, text := response(code)
	return text
}

// Class is the class of response code F39. A code that the lists leave without a
// class, or that they do not have, is refused.
func Class(code string) byte {
	class, _ := response(code)
	return class
}

func response(code string) (class byte, text string) {
	at := strings.Index(responses, "\n"+code+" ")
	if len(code) != 2 || at < 0 {
		return ClassRefuse, unknownText
	}
	row, _, _ := strings.Cut(responses[at+1:], "\n")
	return row[3], row[5:]
}

// responses is a table of code, class and text, a constant so that nothing can
// change it.
const responses = `
00 A 交易成功
01 C 请持卡人与发卡银行联系
02 C 交易失败，请联系发卡行
03 C 无效商户
04 D 此卡为无效卡（POS）
05 C 持卡人认证失败
06 C 出错
07 D 特殊条件下没收卡
09 C 请求正在处理中
10 A 显示部分批准金额，提示操作员
11 A 此为VIP客户
12 C 无效交易
13 B 无效金额
14 B 无效卡号
15 C 此卡无对应发卡方
19 C 交易失败，请联系发卡机构
20 C 交易失败，请联系发卡行
21 C 该卡未初始化或睡眠卡
22 C 操作有误，或超出交易允许天数
23 C 交易失败，请联系发卡行
25 C 没有原始交易，请联系发卡方
30 C 请重试
31 C 付款卡所属银行未签约
33 C 过期卡，请联系发卡行
34 D 作弊卡,呑卡
35 C 没收卡，请联系收单行
36 C 此卡有误，请换卡重试
37 C 没收卡，请联系收单行
38 D 密码错误次数超限，请与发卡方联系
39 C 交易失败，请联系发卡行
40 C 发卡方不支持的交易类型
41 D 挂失卡，请没收（POS）
42 C 交易失败，请联系发卡方
43 D 被窃卡，请没收
44 C 交易失败，请联系发卡行
45 C 请使用芯片卡
51 C 可用余额不足
52 C 交易失败，请联系发卡行
53 C 交易失败，请联系发卡行
54 C 该卡已过期
55 C 密码错
56 C 交易失败，请联系发卡行
57 C 不允许此卡交易
58 C 发卡方不允许该卡在本终端进行此交易
59 C 卡片校验错
60 C 交易失败，请联系发卡行
61 C 交易金额超限
62 C 受限制的卡
63 C 交易失败，请联系发卡行
64 C 交易金额与原交易不匹配
65 C 查询次数超限,请稍后再试
66 C 交易失败，请联系收单行或银联
67 C 没收卡
68 C 交易超时，请重试
75 C 密码错误次数超限
77 B 批次不一致，请重新签到
79 C POS终端重传脱机数据
90 C 系统日切，请稍后重试
91 C 发卡方状态不正常，请稍后重试
92 C 发卡方线路异常，请稍后重试
93 C 交易失败，请联系发卡行
94 C 拒绝，重复交易，请稍后重试
95 C 交易失败，请稍后重试
96 C 拒绝，交换中心异常，请稍后重试
97 D 终端号未登记
98 E 发卡方超时
99 B PIN格式错，请重新签到
A0 B MAC校验错，请重新签到
A1 C 转账货币不一致
A2 A 交易成功，请向资金转入行确认
A3 C 资金到账行账号不正确
A4 A 交易成功，请向资金到账行确认
A5 A 交易成功，请向资金到账行确认
A6 A 交易成功，请向资金到账行确认
A7 C 安全处理失败
P1 B 收款人手机号有误,请重新输入
P2 B 付款人手机号有误,请重新输入
P3 C 该手机号不能收款
P4 B 确认已失效,请重新查询
P5 C 线路与终端登记不符
`
