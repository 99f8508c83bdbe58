package acquirer

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestMaskName(t *testing.T) {
	for _, c := range []struct{ name, shown string }{
		{"王明", "王*"},
		{"王小明", "王*明"},
		{"欧阳小明", "欧*小明"},
		{"买买提·艾力", "买*提·艾力"},
		{"阿·买提", "阿·*提"},                 // the second place is the dot: the next letter is hidden
		{"买买提•艾力", "买*提·艾力"},             // a look-alike dot is made the dot
		{"买买提・艾力", "买*提·艾力"},             //
		{"LI MING", "L* M*NG"},           // every word, see the doc comment
		{"Anna", "A*na"},                 //
		{"X Æ", "X *"},                   // words of one letter: the second of the name
		{"李", "*"},                       // nothing may be left of one character
		{"", ""},                         //
		{"𠮷田太郎", "𠮷*太郎"},                 // a character beyond U+FFFF is one
		{"王𠮷明", "王*明"},                   //
		{"e\u0301a\u0308o", "e\u0301*o"}, // combining marks stay with their base
		{"  王　小明 ", "王 *明"},              // blanks do not count
	} {
		got := MaskName(c.name)
		require.Equal(t, c.shown, got, "%q", c.name)
		require.True(t, utf8.ValidString(got))
	}
}

func FuzzMaskName(f *testing.F) {
	for _, s := range []string{"王小明", "买买提·艾力", "LI MING", "𠮷田", "a\u0301", "\xff\xfe", "·", " "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := MaskName(s)
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("%q became invalid %q", s, got)
		}
		if hasHan(s) && countLetters(splitName(NormalizeName(s))) > 1 && !strings.Contains(got, "*") {
			t.Fatalf("nothing of %q is hidden in %q", s, got)
		}
	})
}

func TestNumberingPlan(t *testing.T) {
	p, err := LoadNumberingPlan()
	require.NoError(t, err)
	for _, c := range []struct {
		number string
		ok     bool
	}{
		{"13800138000", true}, {"13000000000", true}, {"19900000000", true}, {"16200000000", true}, {"17000000000", true},
		{"14500000000", false}, {"14900000000", true}, {"17200000000", true}, // the decided blocks
		{"13480000000", true}, {"13490000000", false}, {"13492000000", false}, //
		{"14700000000", true}, {"14800000000", false}, {"14100000000", false}, {"14000000000", false},
		{"17405000000", true}, {"17406000000", false}, {"17499000000", false}, {"17450000000", false},
		{"16190000000", false}, {"16100000000", false}, {"15400000000", false}, {"17900000000", false}, {"19400000000", false},
		{"12345678901", false}, {"10000000000", false}, {"1380013800", false}, {"138001380000", false},
	} {
		_, err := p.Parse(c.number)
		require.Equal(t, c.ok, err == nil, c.number)
	}
	for _, bad := range []string{"", "prefix,operator,kind,source\n", "h\n13x,a,person,b\n", "h,h,h,h\n12,a,person,b\n", "\"", "h,h,h\n12345678,a,person\n"} {
		_, err := ParseNumberingPlan(bad)
		require.Error(t, err, "%q", bad)
	}
}

func TestIssuerTable(t *testing.T) {
	table, err := LoadIssuerTable("03080000")
	require.NoError(t, err)
	for _, c := range []struct {
		pan         string
		found       bool
		institution string
		contracted  bool
	}{
		{"6222020000000000018", true, "01020000", true},
		{"6225880000000019", true, "03080000", false},
		{"4000000000000002", false, "", false},
		{"622202000000000018", false, "", false}, // the prefix is there, the length is another
	} {
		i, ok := table.Lookup(mustPAN(t, c.pan))
		require.Equal(t, c.found, ok, c.pan)
		require.Equal(t, c.institution, i.Institution)
		require.Equal(t, c.contracted, i.Contracted)
	}
	nested, err := ParseIssuerTable("bin,pan_length,issuer,institution_code,type\n622150,19,a,01000000,debit\n62215049,19,b,01004900,debit\n62215049,16,c,01009999,credit\n")
	require.NoError(t, err)
	long, _ := nested.Lookup(mustPAN(t, "6221504900000000000"))
	short, _ := nested.Lookup(mustPAN(t, "6221500000000000000"))
	other, _ := nested.Lookup(mustPAN(t, "6221504900000000"))
	require.Equal(t, []string{"b", "a", "c"}, []string{long.Name, short.Name, other.Name})
	for _, bad := range []string{"", "h\n", "h,h,h,h,h\n1234,19,a,01000000,debit\n", "h,h,h,h,h\n622150,20,a,01000000,debit\n", "h,h,h,h,h\n622150,19,a,0100,debit\n"} {
		_, err := ParseIssuerTable(bad)
		require.Error(t, err, "%q", bad)
	}
}
