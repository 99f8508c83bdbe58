package letter

import (
	"fmt"

	acquirer "example.com/ringback/switch"
)

// table is the payments by who paid, and their sum.
func (s sheet) table(p *pen) []block {
	all := []block{s.columns()}
	for i, one := range s.payers {
		head := s.payer(one, "")
		head.again = []block{s.columns()}
		if i > 0 {
			all = append(all, gap(1.5))
		}
		all = append(all, head)
		for j, m := range one.payments {
			row := s.row(p, m)
			row.again = []block{s.columns(), s.payer(one, s.continued)}
			row.keep = i == len(s.payers)-1 && j == len(one.payments)-1 // the sum is not alone
			all = append(all, row)
		}
	}
	return append(all, s.sum())
}

// gap is room between blocks.
func gap(height float64) block { return block{height: height, draw: func(*pen, float64) {}} }

// columns are the heads of the columns.
func (s sheet) columns() block {
	return block{height: 7, keep: true, draw: func(p *pen, y float64) {
		p.text(left+1, y+4.2, smallSize, soft, s.time)
		p.text(refLeft, y+4.2, smallSize, soft, s.ref)
		p.text(memoLeft, y+4.2, smallSize, soft, s.memo)
		p.right(edge-1, y+4.2, smallSize, soft, s.amount)
		p.line(left, y+6, edge, y+6, 0.25)
	}}
}

// payer is the head of those of one payer, with their number and sum.
func (s sheet) payer(one payer, more string) block {
	return block{height: 7.5, keep: true, draw: func(p *pen, y float64) {
		p.band(left, y+0.5, edge-left, 6.2)
		p.text(left+1, y+4.8, bodySize, 0, fmt.Sprintf(s.words.payer, grouped(one.number))+more)
		p.text(memoLeft, y+4.8, rowSize, soft, s.counted(len(one.payments)))
		p.right(edge-1, y+4.8, bodySize, 0, one.total.String())
	}}
}

// row is one payment, as high as its memo is long. The end of its notice's ID is what tells it from other notices about the
// payment.
func (s sheet) row(p *pen, m acquirer.Message) block {
	memo := p.wrap(m.Memo, rowSize, memoWidth)
	return block{height: 1.6 + 4*float64(len(memo)), draw: func(p *pen, y float64) {
		p.text(left+1, y+4, rowSize, 0, moment(m.Paid))
		p.text(refLeft, y+4, rowSize, 0, m.ID)
		for i, line := range memo {
			p.text(memoLeft, y+4*float64(i+1), rowSize, soft, line)
		}
		p.right(edge-1, y+4, rowSize, 0, m.Amount.String())
	}}
}

// sum is the last line.
func (s sheet) sum() block {
	return block{height: 14, draw: func(p *pen, y float64) {
		p.line(left, y+1.5, edge, y+1.5, 0.25)
		p.text(left+1, y+7, 11, 0, s.words.total)
		p.text(memoLeft, y+7, rowSize, soft, s.counted(s.payments))
		p.right(edge-1, y+7, 11, 0, "¥ "+s.total.String())
		p.line(left, y+9, edge, y+9, 0.25)
		p.line(left, y+9.7, edge, y+9.7, 0.25)
	}}
}
