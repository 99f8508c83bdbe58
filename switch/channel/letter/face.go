package letter

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"

	"github.com/signintech/gopdf"
)

// builtin is Noto Sans SC Regular, all of it: 27,500 Chinese characters, the 220 of the rarer planes among them.
//
//go:embed font/NotoSansSC-Regular.ttf.gz
var builtin []byte

// missing stands for a character that no font has, as Chinese printers have always put it.
const missing = '〓'

// face is the fonts, ready to be used; any number of letters may be written with them at a time.
type face struct {
	fonts  gopdf.FontContainer    // by family
	glyphs []*gopdf.SubsetFontObj // only read: which characters each has
}

// family names a font by its place.
func family(i int) string { return fmt.Sprintf("letter%d", i) }

// fontOf returns the first font that has a character.
func (f *face) fontOf(r rune) (int, bool) {
	for i, g := range f.glyphs {
		if glyph, err := g.CharCodeToGlyphIndex(r); err == nil && glyph != 0 {
			return i, true
		}
	}
	return 0, false
}

// load reads TrueType fonts, behind which the built-in one stands.
func load(own [][]byte) (*face, error) {
	last, err := unpack()
	if err != nil {
		return nil, fmt.Errorf("built-in font: %w", err)
	}
	f := &face{}
	for i, ttf := range own {
		if err := f.read(ttf); err != nil {
			return nil, fmt.Errorf("font %d: %w", i+1, err)
		}
	}
	return f, f.read(last)
}

// unpack returns the built-in font.
func unpack() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(builtin))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxFont))
}

// read parses a font and puts it behind the others. The library takes a file of another kind for one with wrong offsets and
// runs off its end.
func (f *face) read(ttf []byte) (err error) {
	defer func() {
		if recover() != nil {
			err = errNoFont
		}
	}()
	if len(ttf) < 12 || len(ttf) > maxFont || !bytes.Equal(ttf[:4], []byte{0, 1, 0, 0}) {
		return errNoFont
	}
	g := &gopdf.SubsetFontObj{}
	if err := errors.Join(g.SetTTFData(ttf), f.fonts.AddTTFFontData(family(len(f.glyphs)), ttf)); err != nil {
		return fmt.Errorf("%w: %w", errNoFont, err)
	}
	f.glyphs = append(f.glyphs, g)
	return nil
}

var errNoFont = errors.New("it is no TrueType font (.ttf)")
