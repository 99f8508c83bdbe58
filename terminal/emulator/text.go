package emulator

import (
	"strings"

	"example.com/ringback/spec/pos"
)

// Text is the display text of a response code in a language. In Chinese it is the dialect's; the switch may have sent
// a text of its own, which comes first.
func Text(lang Language, code string) string {
	if lang != English {
		return pos.Text(code)
	}
	at := strings.Index(english, "\n"+code+" ")
	if len(code) != 2 || at < 0 {
		return "Declined"
	}
	text, _, _ := strings.Cut(english[at+4:], "\n")
	return text
}

// english is a table of codes and texts, a constant so that nothing can change it.
const english = `
00 Approved
01 Call your bank
03 Invalid merchant
04 Invalid card
05 Not authenticated by the bank
06 Error
09 In progress
10 Approved in part
11 Approved
12 Invalid transaction
13 Invalid amount
14 Invalid card number
15 No bank has this card
22 Not possible, or too late
25 No such transaction
30 Format error, please retry
31 The card's bank takes no part
34 Fraud suspected
38 Too many wrong PINs
40 Not supported
41 Lost card
43 Stolen card
45 Please use the chip
51 Not enough money
54 Card has expired
55 Wrong PIN
57 Not permitted for this card
58 Terminal may not do this
61 Amount is over the limit
62 Restricted card
64 Amounts do not agree
65 Too many look-ups, try later
68 Bank did not answer in time
75 Too many wrong PINs
77 Please sign on again
90 Day's end, try later
91 Bank cannot be reached, try later
92 Line to the bank is down, try later
94 Duplicate
96 System fault, try later
97 Terminal is not registered
98 Bank did not answer
99 PIN error, please sign on again
A0 MAC error, please sign on again
A2 Approved, ask the receiving bank
A4 Approved, ask the receiving bank
A5 Approved, ask the receiving bank
A6 Approved, ask the receiving bank
P1 Payee's number is wrong
P2 Payer's number is wrong
P3 Nobody can be paid at this number
P4 Confirmation is no longer valid
P5 Terminal called from another line
`
