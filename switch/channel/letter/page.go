package letter

import (
	"fmt"
	"slices"
	"strings"

	acquirer "example.com/ringback/switch"
)

// Where things stand, in millimetres; see the package's comment for the window.
const (
	left, edge   = 25.0, 190.0 // of the text
	windowTop    = 45.0
	addressTop   = 62.7 // below the sender's line in the window
	addressLine  = 4.55
	windowText   = 78.0 // from left almost to the window's right edge
	infoLeft     = 135.0
	firstTop     = 98.5 // of the text on the first page
	otherTop     = 32.0
	bottom       = 272.0
	refLeft      = left + 33
	memoLeft     = left + 72
	memoWidth    = 60.0
	bodySize     = 10.0
	rowSize      = 9.0
	smallSize    = 7.5
	soft, softer = uint8(90), uint8(140)
)

// block is a part of the text that stands on one page whole.
type block struct {
	height float64
	draw   func(p *pen, y float64) // y is its upper edge
	keep   bool                    // not the last on a page
	again  []block                 // repeated above it when it is the first on a page
}

// write makes the letter.
func (s sheet) write(f *face) ([]byte, error) {
	p := newPen(f)
	pages := paginate(s.blocks(p))
	for i, blocks := range pages {
		p.pdf.AddPage()
		y := otherTop
		if i == 0 {
			s.head(p)
			y = firstTop
		} else {
			p.text(left, 20, rowSize, soft, s.words.number+" "+s.number)
		}
		for _, b := range blocks {
			b.draw(p, y)
			y += b.height
		}
		s.foot(p, i+1, len(pages))
	}
	return p.bytes(s.words.number+" "+s.number, s.date)
}

// paginate lays blocks on pages. A block that is to be kept goes with the next one; none is higher than a page.
func paginate(all []block) (pages [][]block) {
	var page []block
	room := bottom - firstTop
	for i, b := range all {
		need := b.height
		for j := i; all[j].keep && j+1 < len(all); j++ {
			need += all[j+1].height
		}
		if need > room && len(page) > 0 {
			pages, page = append(pages, page), slices.Clone(b.again)
			room = bottom - otherTop
			for _, a := range b.again {
				room -= a.height
			}
		}
		page = append(page, b)
		room -= b.height
	}
	return append(pages, page)
}

// head draws what only the first page has: who writes, the window, the facts, the marks for folding and punching.
func (s sheet) head(p *pen) {
	p.fitted(left, 22, edge-left, 15, 0, s.sender[0])
	for i, line := range s.sender[1:] {
		p.fitted(left, 28+4*float64(i), edge-left, 8, soft, line)
	}
	p.fitted(left, addressTop-3.2, windowText, 6.5, soft, strings.Join(s.sender, " · "))
	p.line(left, addressTop-2, left+windowText, addressTop-2, 0.1)
	for i, line := range append(slices.Clone(s.address), s.recipient()) {
		p.fitted(left, addressTop+addressLine*float64(i+1)-0.8, windowText, 10.5, 0, line)
	}
	facts := [][2]string{{s.words.number, s.number}, {s.words.date, s.date.Format(s.day)}}
	if s.payments > 0 {
		facts = append(facts, [2]string{s.words.payments, s.counted(s.payments)}, [2]string{s.words.total, "¥ " + s.total.String()})
	}
	for i, fact := range facts {
		y := windowTop + 8 + 6*float64(i)
		p.text(infoLeft, y, rowSize, soft, fact[0])
		p.right(edge, y, rowSize, 0, fact[1])
	}
	for _, y := range []float64{105, 210} {
		p.line(4, y, 8, y, 0.1)
	}
	p.line(4, 148.5, 10, 148.5, 0.1)
}

// foot draws the end of a page.
func (s sheet) foot(p *pen, number, of int) {
	p.line(left, 278, edge, 278, 0.1)
	p.text(left, 282.5, smallSize, soft, p.cut(s.sender[0], smallSize, 100))
	p.right(edge, 282.5, smallSize, soft, fmt.Sprintf(s.page, number, of))
}

// blocks are the text: what is to be noted first, then the payments.
func (s sheet) blocks(p *pen) (all []block) {
	name := s.name
	if name == "" {
		name = s.nobody
	}
	all = append(all, s.prose(p, fmt.Sprintf(s.dear, name), bodySize, 0, 4)...)
	if len(s.news) > 0 {
		all = append(all, heading(s.words.news))
		for _, m := range s.news {
			all = append(all, s.item(p, m)...)
		}
	}
	if s.payments == 0 {
		return all
	}
	all = append(all, heading(s.words.payments))
	all = append(all, s.prose(p, s.paid, bodySize, 0, 3)...)
	all[len(all)-1].keep = true
	all = append(all, s.table(p)...)
	return append(all, s.prose(p, s.again, smallSize, soft, 0)...)
}

// heading is a line above a section.
func heading(text string) block {
	return block{height: 10, keep: true, draw: func(p *pen, y float64) { p.text(left, y+6, 13, 0, text) }}
}

// prose is a text in lines, with room below.
func (s sheet) prose(p *pen, text string, size float64, grey uint8, below float64) (all []block) {
	for _, line := range p.wrap(text, size, edge-left) {
		all = append(all, block{height: size * 0.55, draw: func(p *pen, y float64) { p.text(left, y+size*0.4, size, grey, line) }})
	}
	all[len(all)-1].height += below
	return all
}

// item is a notice about something else than a payment.
func (s sheet) item(p *pen, m acquirer.Message) []block {
	head := block{height: 6, keep: true, draw: func(p *pen, y float64) {
		p.text(left, y+4, bodySize, 0, "■ "+m.Subject)
		p.right(edge, y+4, smallSize, softer, moment(m.Created)+"  "+m.ID)
	}}
	return append([]block{head}, s.prose(p, m.Text, bodySize, 0, 4)...)
}
