// Package clearing is the day's detail file of the UnionPay interchange, general detail for the acquirer (ACOMN): its
// name, its lines of fixed columns, and a reader that never holds more than one line (host dialect, section 5.1).
//
// A file has neither header nor trailer nor sums: what it holds must be compared with the totals of the 0530. Its name
// is the only place of the settlement date. So [Verify] reads a whole file first and says what is in it, with a hash,
// and nothing else; only then is it read a second time with a [Reader] and used. That costs a second reading, about a
// second for a million lines, and saves a place where half-believed lines would have to stand.
package clearing
