package letter

import (
	"context"
	"errors"
	"fmt"
	"time"

	acquirer "example.com/ringback/switch"
)

// Kind implements [acquirer.Device].
func (l *Letter) Kind() acquirer.DeviceKind { return acquirer.DeviceLetter }

// Takes implements [acquirer.Digester]: money that came, and news about how it comes. A code is over long before a letter is
// there, and what a payee asked to see is asked for now; payers have no postal address.
func (l *Letter) Takes(k acquirer.NoticeKind) bool {
	switch k {
	case acquirer.NoticePaidOut, acquirer.NoticeStaged, acquirer.NoticeActive, acquirer.NoticeRefused, acquirer.NoticeCancelled,
		acquirer.NoticeDormant:
		return true
	}
	return false
}

// Next implements [acquirer.Digester]: the time of day, in Beijing.
func (l *Letter) Next(t time.Time) time.Time {
	y, m, d := t.In(acquirer.Beijing).Date()
	for ; ; d++ {
		if at := time.Date(y, m, d, 0, 0, 0, 0, acquirer.Beijing).Add(l.At); !at.Before(t) {
			return at
		}
	}
}

// Ready implements [acquirer.Digester].
func (l *Letter) Ready(ctx context.Context) error {
	if l.printer == nil {
		return roomIn(l.Dir)
	}
	err := l.printer.ready(ctx)
	if err != nil && !errors.Is(err, acquirer.ErrDeviceDown) {
		err = fmt.Errorf("%w: %w", acquirer.ErrDeviceDown, err)
	}
	return err
}

// Send implements [acquirer.Device]: a letter of one notice.
func (l *Letter) Send(ctx context.Context, m acquirer.Message) (acquirer.Handed, error) {
	return l.SendAll(ctx, []acquirer.Message{m})
}

// SendAll implements [acquirer.Digester]. The letter exists in memory only until the printer or the folder has it. No receipt
// comes of a letter in the folder.
func (l *Letter) SendAll(ctx context.Context, all []acquirer.Message) (acquirer.Handed, error) {
	f, err := l.face()
	if err != nil {
		return acquirer.Handed{}, fmt.Errorf("%w: %w", acquirer.ErrDeviceDown, err)
	}
	s := newSheet(all, l.Sender, time.Now())
	pdf, err := s.write(f)
	if err != nil {
		return acquirer.Handed{}, fmt.Errorf("writing the letter: %w", err)
	}
	log := l.Log.Debug().Str("letter", s.number).Int("notices", len(all)).Int("bytes", len(pdf))
	if l.printer == nil {
		if err := drop(l.Dir, nameOf(s.number)+".pdf", pdf); err != nil {
			return acquirer.Handed{}, err
		}
		log.Msg("letter written")
		return acquirer.Handed{}, nil
	}
	job, err := l.job(ctx, nameOf(s.number), pdf, all[0].Try)
	if err != nil {
		return acquirer.Handed{}, err
	}
	log.Int("job", job).Msg("letter given to the printer")
	l.jobs.add(nameOf(s.number), job)
	return acquirer.Handed{Reference: reference(nameOf(s.number), job)}, nil
}

// job hands a letter to the printer. Behind a try that ended in the dark, or in a crash, the printer may have it already: then
// that print counts, unless it came to nothing.
func (l *Letter) job(ctx context.Context, name string, pdf []byte, try int) (int, error) {
	if try > 1 {
		known, err := l.printer.known(ctx)
		if err != nil {
			return 0, err
		}
		if found, ok := known[name]; ok && found.state != cancelled && found.state != aborted {
			return found.job, nil
		}
	}
	return l.printer.print(ctx, name, pdf)
}

// nameOf names the job or the file of a letter.
func nameOf(number string) string { return "letter-" + number }

// reference names a print: a printer that was set up anew counts its jobs from 1 again.
func reference(name string, job int) string { return fmt.Sprintf("%s/%d", name, job) }
