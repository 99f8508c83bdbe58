package sms

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMobile(t *testing.T) {
	for _, c := range []struct {
		in, want string
	}{{"13800138001", "13800138001"}, {"8613800138001", "13800138001"}, {"+8613800138001", "13800138001"}, {"008613800138001", "13800138001"},
		{"95588", ""}, {"10690000", ""}, {"ICBC", ""}, {"", ""}, {"85213800138001", ""}, {"1380013800", ""}, {"86138001380011", ""}} {
		got, ok := mobile(c.in)
		require.Equal(t, c.want, got)
		require.Equal(t, c.want != "", ok)
	}
}
