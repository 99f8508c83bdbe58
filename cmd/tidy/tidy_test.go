package tidy

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// rule looks at the tree and returns what is wrong, one line each, in words that say what to do.
type rule func(*testing.T, *tree) []string

// TestTree holds the repository against every rule.
func TestTree(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	tr := load(t, root)
	for name, rule := range map[string]rule{
		"imports":  checkImports,
		"packages": checkPackages,
		"sizes":    checkSizes,
		"words":    checkWords,
		"calls":    checkCalls,
		"secrets":  checkSecrets,
		"links":    checkLinks,
	} {
		t.Run(name, func(t *testing.T) {
			for _, complaint := range rule(t, tr) {
				t.Error(complaint)
			}
		})
	}
}
