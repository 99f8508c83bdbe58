package emulator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every beginning of three digits, against the list as people write it.
func TestPlausibleNumberBeginnings(t *testing.T) {
	good := map[string]bool{}
	for _, p := range strings.Fields(`130 131 132 133 134 135 136 137 138 139 145 147 149 150 151 152 153 155 156 157 158 159
		162 165 166 167 170 171 172 173 174 175 176 177 178 180 181 182 183 184 185 186 187 188 189
		190 191 192 193 195 196 197 198 199`) {
		good[p] = true
	}
	for a := range 10 {
		for b := range 10 {
			for c := range 10 {
				p := string([]byte{'0' + byte(a), '0' + byte(b), '0' + byte(c)})
				require.Equal(t, good[p], PlausibleNumber(p+"00138001"), p)
			}
		}
	}
}

func TestPlausibleNumberForms(t *testing.T) {
	for number, want := range map[string]bool{
		"13800138001": true, "13900000000": true, "19999999999": true,
		"": false, "1380013800": false, "138001380011": false, "8613800138001": false, "+8613800138001": false,
		"1380013800 ": false, " 3800138001": false, "1380013800a": false, "１３８００１３８００１": false, "138-0138-01": false,
	} {
		require.Equal(t, want, PlausibleNumber(number), number)
	}
}
