package store

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var parameter = regexp.MustCompile(`\$\d+`)

// parameters counts the parameters of a text.
func parameters(text string) int {
	seen := map[string]bool{}
	for _, p := range parameter.FindAllString(text, -1) {
		seen[p] = true
	}
	return len(seen)
}

// SQLite numbers $n by first appearance, PostgreSQL by n: the texts must be such that both agree.
func TestParametersAppearInOrder(t *testing.T) {
	for _, text := range slices.Concat(writes[:], reads[:]) {
		require.NotEmpty(t, text)
		next := 1
		for _, p := range parameter.FindAllString(text, -1) {
			if p == fmt.Sprintf("$%d", next) {
				next++
				continue
			}
			n, err := strconv.Atoi(p[1:])
			require.NoError(t, err)
			require.Less(t, n, next, "%s in %s", p, text)
		}
	}
}

// A write that may fail for what the rows hold would end the store.
func TestWritesAreGuarded(t *testing.T) {
	for _, text := range writes {
		switch {
		case strings.HasPrefix(text, "INSERT"):
			require.Contains(t, text, "ON CONFLICT")
		default:
			require.Regexp(t, `WHERE (id|payee_id|enrolment|txn|scope|terminal|date) = |WHERE (id|\(scope, subject\)|\(txn, kind, copy, revision\)|\(date, number\)) IN `, text)
		}
	}
}

func TestSchemaHasNoPlaceForTrackOrPIN(t *testing.T) {
	db := openNew(t)
	rows, err := db.read.Query("SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns := 0
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		require.NotRegexp(t, `(?i)track|pin|cvn|cvv|magnet`, name)
		columns++
	}
	require.NoError(t, rows.Err())
	require.Greater(t, columns, 50)
}
