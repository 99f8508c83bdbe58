// Package letter is the device of kind letter: what waits for a payee goes once a day into one letter, a PDF that is printed
// over IPP or left in a folder for whoever prints it.
//
// A letter is A4 by DIN 5008, form B: the window field is 85 x 45 mm, 20 mm from the left and 45 mm from the top, with marks
// for folding at 105 and 210 mm, so that the address shows in the window of a DL envelope, 220 x 110 mm. That is the size
// that folding machines are built for, and the DL of the Chinese standard of envelopes, GB/T 1416. In the window stands what a
// Chinese post office reads: the postcode, the address from the large to the small, the recipient with 收 behind it.
//
// Payments stand in a table by the number that paid (patent paragraph [0028]), each with its reference number and the
// notice's ID, by which a payment that comes in a second letter, after a crash between print and commit, is known again.
//
// The font is Noto Sans SC, as it was published and gzipped, with its licence beside it in font. It is unpacked when the first
// letter is written and then kept: a third of a second, and 14 MB of memory from then on; a letter of a page takes 60 ms.
package letter
