// Package tidy holds the rules of the house as tests: who may import whom, where an outside library lives, how long
// a function may be, which words do not stay in the tree, who may show a secret, and that the links of the pages
// lead somewhere. It has no code of its own.
//
// The tables that a change of the house must change too are in table_test.go; each complaint names the one it comes
// from. The rules are those of docs/architecture.md.
package tidy
