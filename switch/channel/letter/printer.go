package letter

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"

	"github.com/phin1x/go-ipp"

	acquirer "example.com/ringback/switch"
)

// printer speaks IPP (RFC 8011) to one printer or queue. The library's own client takes every status but 0 for a failure, also
// that of a job that was taken without one of its attributes, verifies no certificate and knows no path but that of CUPS: of it
// only the encoding is used.
type printer struct {
	uri    string // printer-uri
	http   string // where to it is posted
	client *http.Client
}

// newPrinter reads the address of a printer. A letter is no text for a network to read: without TLS it goes to loopback only.
func newPrinter(address string, roots *x509.CertPool) (*printer, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("printer: want ipps://host[:631]/path or ipp:// towards loopback")
	}
	scheme := map[string]string{"ipp": "http", "ipps": "https"}[u.Scheme]
	if scheme == "" || scheme == "http" && !loopback(u.Hostname()) {
		return nil, errors.New("printer: want ipps://, or ipp:// towards loopback")
	}
	port := u.Port()
	if port == "" {
		port = "631"
	}
	t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	return &printer{uri: address, http: scheme + "://" + net.JoinHostPort(u.Hostname(), port) + u.EscapedPath(),
		client: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// ready returns nil when the printer takes jobs.
func (p *printer) ready(ctx context.Context) error {
	r, err := p.ask(ctx, ipp.OperationGetPrinterAttributes, map[string]any{
		ipp.AttributeRequestedAttributes: []string{"printer-is-accepting-jobs"}}, nil)
	if err != nil {
		return err
	}
	if taking, known := first[bool](r.PrinterAttributes, "printer-is-accepting-jobs"); known && !taking {
		return fmt.Errorf("%w: the printer takes no jobs", acquirer.ErrDeviceDown)
	}
	return nil
}

// print hands a letter on and returns the job's number.
func (p *printer) print(ctx context.Context, name string, pdf []byte) (int, error) {
	r, err := p.ask(ctx, ipp.OperationPrintJob, map[string]any{ipp.AttributeJobName: name, ipp.AttributeDocumentFormat: "application/pdf"}, pdf)
	if err != nil {
		return 0, err
	}
	job, ok := first[int](r.JobAttributes, ipp.AttributeJobID)
	if !ok {
		return 0, errors.New("the printer named no job")
	}
	return job, nil
}

// jobAttributes is what is asked about a job.
var jobAttributes = []string{ipp.AttributeJobID, ipp.AttributeJobName, ipp.AttributeJobState}

// state returns the state of a job (RFC 8011, 5.3.7); errGone: the printer does not know it any more.
func (p *printer) state(ctx context.Context, job int) (int, error) {
	r, err := p.ask(ctx, ipp.OperationGetJobAttributes, map[string]any{ipp.AttributeJobID: job, ipp.AttributeRequestedAttributes: jobAttributes}, nil)
	var refused ipp.IPPError
	if errors.As(err, &refused) && (refused.Status == ipp.StatusErrorNotFound || refused.Status == ipp.StatusErrorGone) {
		return 0, errGone
	}
	if err != nil {
		return 0, err
	}
	state, ok := first[int](r.JobAttributes, ipp.AttributeJobState)
	if !ok {
		return 0, errors.New("the printer named no state of the job")
	}
	return state, nil
}

var errGone = errors.New("the printer does not know the job")

// jobSeen is a job as the printer remembers it.
type jobSeen struct{ job, state int }

// known returns the jobs of ours that the printer remembers, by their names; of several of one name the newest.
func (p *printer) known(ctx context.Context) (map[string]jobSeen, error) {
	out := map[string]jobSeen{}
	for _, which := range []string{"completed", "not-completed"} {
		r, err := p.ask(ctx, ipp.OperationGetJobs, map[string]any{ipp.AttributeWhichJobs: which, ipp.AttributeLimit: history,
			ipp.AttributeRequestedAttributes: jobAttributes}, nil)
		if err != nil {
			return nil, err
		}
		for i := range r.JobAttributes {
			name, _ := first[string](r.JobAttributes[i:], ipp.AttributeJobName)
			state, _ := first[int](r.JobAttributes[i:], ipp.AttributeJobState)
			job, ok := first[int](r.JobAttributes[i:], ipp.AttributeJobID)
			if ok && ours.MatchString(name) && job > out[name].job {
				out[name] = jobSeen{job, state}
			}
		}
	}
	return out, nil
}

// first returns the first value of an attribute of the first group.
func first[T any](groups []ipp.Attributes, name string) (v T, ok bool) {
	if len(groups) == 0 || len(groups[0][name]) == 0 {
		return v, false
	}
	v, ok = groups[0][name][0].Value.(T)
	return v, ok
}

// ask sends one request and reads its answer. An error wraps [acquirer.ErrDeviceDown] when the printer cannot be reached or
// is not to be used now, and [ipp.IPPError] when it refused.
func (p *printer) ask(ctx context.Context, operation int16, attributes map[string]any, file []byte) (*ipp.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r := ipp.NewRequest(operation, 1)
	r.OperationAttributes[ipp.AttributePrinterURI] = p.uri
	r.OperationAttributes[ipp.AttributeRequestingUserName] = "ringback"
	for name, value := range attributes {
		r.OperationAttributes[name] = value
	}
	head, err := r.Encode()
	if err != nil {
		return nil, fmt.Errorf("asking the printer: %w", err)
	}
	body, err := p.post(ctx, append(head, file...))
	if err != nil {
		return nil, err
	}
	answer, err := decode(body)
	if err != nil {
		return nil, err
	}
	return answer, refusal(answer.StatusCode)
}

// post sends the bytes of a request. Whatever fails before an answer has come is said without the address.
func (p *printer) post(ctx context.Context, request []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.http, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", ipp.ContentTypeIPP)
	answer, err := p.client.Do(r)
	if err != nil {
		cause := errors.Unwrap(err)
		if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
			return nil, fmt.Errorf("%w: the printer does not answer", acquirer.ErrDeviceDown)
		}
		return nil, fmt.Errorf("asking the printer: %w", cause)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxReply))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return nil, fmt.Errorf("reading the printer's answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: the printer says HTTP %s", acquirer.ErrDeviceDown, strconv.Itoa(answer.StatusCode))
	}
	return body, nil
}

// decode reads an answer. The library runs off the end of some that are no IPP.
func decode(body []byte) (answer *ipp.Response, err error) {
	defer func() {
		if recover() != nil {
			answer, err = nil, errNoIPP
		}
	}()
	if answer, err = ipp.NewResponseDecoder(bytes.NewReader(body)).Decode(io.Discard); err != nil {
		return nil, errNoIPP
	}
	return answer, nil
}

var errNoIPP = errors.New("the printer's answer is no IPP")

// refusal is the error that a status stands for (RFC 8011, appendix B): below 0x100 the request was carried out. Who the
// printer serves, whether it is there at all and what it can do now is for the operator to mend: then it counts as down.
func refusal(status int16) error {
	err := ipp.IPPError{Status: status, Message: fmt.Sprintf("0x%04X", status)}
	switch {
	case status >= 0 && status < 0x100:
		return nil
	case status >= 0x500, status == ipp.StatusErrorNotFound, status == ipp.StatusErrorForbidden,
		status == ipp.StatusErrorNotAuthenticated, status == ipp.StatusErrorNotAuthorized:
		return fmt.Errorf("%w: %w", acquirer.ErrDeviceDown, err)
	}
	return fmt.Errorf("the printer refuses: %w", err)
}
