package letter

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signintech/gopdf"
)

// pen writes on pages; all lengths are in millimetres from the upper left corner, sizes of letters in points. After the
// first error it does nothing.
type pen struct {
	pdf    *gopdf.GoPdf
	face   *face
	used   map[int]bool // the fonts that the letter has
	glyphs map[rune]glyph
	err    error
}

func newPen(f *face) *pen {
	p := &pen{pdf: &gopdf.GoPdf{}, face: f, used: map[int]bool{}, glyphs: map[rune]glyph{}}
	p.pdf.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4, Unit: gopdf.UnitMM})
	return p
}

// keep keeps the first error.
func (p *pen) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

// in sets a font and a size.
func (p *pen) in(font int, points float64) {
	if p.err == nil && !p.used[font] {
		p.used[font] = true
		p.keep(p.pdf.AddTTFFontFromFontContainer(family(font), &p.face.fonts))
	}
	if p.err == nil {
		p.keep(p.pdf.SetFont(family(font), "", points))
	}
}

// glyph is how a character is written.
type glyph struct {
	as    rune // itself, or the sign for what no font has
	font  int
	width float64 // at a size of one point
}

// glyph looks a character up, in the fonts' tables the first time only.
func (p *pen) glyph(r rune) glyph {
	if g, ok := p.glyphs[r]; ok {
		return g
	}
	g := glyph{as: r}
	var ok bool
	if g.font, ok = p.face.fontOf(r); !ok {
		g.as = missing
		g.font, _ = p.face.fontOf(missing)
	}
	const points = 10
	if p.in(g.font, points); p.err == nil {
		w, err := p.pdf.MeasureTextWidth(string(g.as))
		p.keep(err)
		g.width = w / points
	}
	p.glyphs[r] = g
	return g
}

// width is how long a text is. The fonts are not kerned.
func (p *pen) width(points float64, s string) (sum float64) {
	for _, r := range s {
		sum += p.glyph(r).width
	}
	return sum * points
}

// text writes from x on, on the base line y; grey is 0 for black to 255. What one font has is written in one piece.
func (p *pen) text(x, y, points float64, grey uint8, s string) {
	var run []rune
	font := 0
	for _, r := range s {
		g := p.glyph(r)
		if g.font != font {
			x, run = p.run(x, y, points, grey, font, run), run[:0]
		}
		font, run = g.font, append(run, g.as)
	}
	p.run(x, y, points, grey, font, run)
}

// run writes characters of one font and returns where they end.
func (p *pen) run(x, y, points float64, grey uint8, font int, run []rune) float64 {
	if len(run) == 0 || p.err != nil {
		return x
	}
	if p.in(font, points); p.err != nil {
		return x
	}
	p.pdf.SetTextColor(grey, grey, grey)
	p.pdf.SetXY(x, y)
	p.keep(p.pdf.Text(string(run)))
	return x + p.width(points, string(run))
}

// right writes up to x.
func (p *pen) right(x, y, points float64, grey uint8, s string) {
	p.text(x-p.width(points, s), y, points, grey, s)
}

// fitted writes from x on, smaller when it would be longer than most.
func (p *pen) fitted(x, y, most, points float64, grey uint8, s string) {
	if w := p.width(points, s); w > most {
		points *= most / w
	}
	p.text(x, y, points, grey, s)
}

// cut is s, or as much of its beginning as is no longer than most, with an ellipsis.
func (p *pen) cut(s string, points, most float64) string {
	if p.width(points, s) <= most {
		return s
	}
	for s != "" && p.width(points, s+"…") > most {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s + "…"
}

// line draws a line.
func (p *pen) line(x1, y1, x2, y2, width float64) {
	p.pdf.SetLineWidth(width)
	p.pdf.SetStrokeColor(0, 0, 0)
	p.pdf.Line(x1, y1, x2, y2)
}

// band fills a rectangle with a light grey.
func (p *pen) band(x, y, width, height float64) {
	p.pdf.SetFillColor(238, 238, 238)
	p.pdf.RectFromUpperLeftWithStyle(x, y, width, height, "F")
}

// closing are marks that no line begins with: they may stand beyond the margin.
const closing = "，。、；：！？）》”』」】,.;:!?)"

// wrap breaks a text into lines no longer than most: between Chinese characters, and at the blanks of other words. A word
// that is longer than a line is broken anywhere.
func (p *pen) wrap(s string, points, most float64) (lines []string) {
	for paragraph := range strings.SplitSeq(s, "\n") {
		line := ""
		for _, piece := range pieces(paragraph) {
			switch {
			case line == "":
				line = strings.TrimLeft(piece, " ")
			case strings.Contains(closing, piece) || p.width(points, line+strings.TrimRight(piece, " ")) <= most:
				line += piece
			default:
				lines, line = append(lines, strings.TrimRight(line, " ")), strings.TrimLeft(piece, " ")
			}
			for p.width(points, line) > most && !strings.ContainsAny(line, closing) {
				head := line[:len(p.head(line, points, most))]
				lines, line = append(lines, head), line[len(head):]
			}
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

// head is the beginning of a word that fits: one character at least.
func (p *pen) head(word string, points, most float64) string {
	_, n := utf8.DecodeRuneInString(word)
	for n < len(word) {
		_, next := utf8.DecodeRuneInString(word[n:])
		if p.width(points, word[:n+next]) > most {
			break
		}
		n += next
	}
	return word[:n]
}

// pieces cuts a text where a line may end: behind a blank, and around everything that is not ASCII.
func pieces(s string) (all []string) {
	from := 0
	for i, r := range s {
		if i > from && (r >= utf8.RuneSelf || s[i-1] == ' ' || s[i-1] >= utf8.RuneSelf) {
			all, from = append(all, s[from:i]), i
		}
	}
	return append(all, s[from:])
}

// bytes ends the letter and returns it.
func (p *pen) bytes(title string, at time.Time) ([]byte, error) {
	if p.err != nil {
		return nil, p.err
	}
	p.pdf.SetInfo(gopdf.PdfInfo{Title: title, Creator: "Ringback", Producer: "Ringback", CreationDate: at})
	return p.pdf.GetBytesPdfReturnErr()
}
