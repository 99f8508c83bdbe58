package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/switch/console/budget"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// document is the API's own document, read as a client reads it.
type document struct {
	t     *testing.T
	tree  map[string]any
	shape *jsonschema.Compiler
	seen  map[string]bool // operation and status
}

const documentURL = "urn:test:openapi"

func readDocument(t *testing.T, text string) *document {
	t.Helper()
	tree, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	require.NoError(t, c.AddResource(documentURL, tree))
	return &document{t: t, tree: tree.(map[string]any), shape: c, seen: map[string]bool{}}
}

// at walks the document.
func (d *document) at(path ...string) any {
	var here any = d.tree
	for _, name := range path {
		m, ok := here.(map[string]any)
		if !ok {
			return nil
		}
		here = m[name]
	}
	return here
}

// check holds an answer against what the document says of the operation.
func (d *document) check(method, path string, got answered) {
	d.t.Helper()
	method, status := strings.ToLower(method), strconv.Itoa(got.StatusCode)
	d.seen[method+" "+path+" "+status] = true
	kind := got.Header.Get("Content-Type")
	content := d.at("paths", path, method, "responses", status, "content", kind)
	require.NotNil(d.t, content, "%s %s: the document knows no %s of %s", method, path, status, kind)
	if wait := d.at("paths", path, method, "responses", status, "headers", "Retry-After"); wait != nil {
		n, err := strconv.Atoi(got.Header.Get("Retry-After"))
		require.NoError(d.t, err)
		require.Positive(d.t, n)
	}
	d.valid(strings.Join([]string{"paths", pointer(path), method, "responses", status, "content", pointer(kind), "schema"}, "/"), got.body)
	if got.StatusCode >= 400 {
		var p problem
		require.NoError(d.t, json.Unmarshal([]byte(got.body), &p))
		require.Equal(d.t, got.StatusCode, p.Status)
		require.NotEmpty(d.t, p.Title)
	}
}

func pointer(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// valid holds a JSON text against a schema of the document.
func (d *document) valid(at, text string) {
	d.t.Helper()
	require.NoError(d.t, d.validate(at, text), text)
}

func (d *document) validate(at, text string) error {
	schema, err := d.shape.Compile(documentURL + "#/" + at)
	require.NoError(d.t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(d.t, err)
	return schema.Validate(value)
}

// bodies are what each operation is sent when all is well.
var bodies = map[string]string{
	"register": `{"number":"` + someNumber + `","name":"` + someName + `","card":"` + someCard + `"}`,
	"card":     `{"number":"` + someNumber + `","card":"` + someCard + `"}`,
	"name":     `{"number":"` + someNumber + `","name":"欧阳·娜"}`,
	"number":   `{"number":"` + someNumber + `","new_number":"` + otherNumber + `"}`,
	"devices":  `{"number":"` + someNumber + `","devices":[{"kind":"email","address":"a@example.org"},{"kind":"sms"}],"front":true}`,
	"suspend":  `{"number":"` + someNumber + `"}`,
	"resume":   `{"number":"` + someNumber + `"}`,
	"delete":   `{"number":"` + someNumber + `"}`,
	"see":      `{"number":"` + someNumber + `"}`,
	"confirm":  `{"code":"` + rightCode + `"}`,
	"cancel":   `{"number":"` + someNumber + `","code":"` + rightCode + `"}`,
	"resend":   `{}`,
}

// client is a client of the API whose every answer is held against the document.
type client struct {
	*browser
	*document
	o *office
	p *Portal
}

// ask calls an operation; each call has a key of its own unless one is set.
func (c *client) ask(route apiRoute, body string, header ...string) answered {
	c.browser.t.Helper()
	c.header = http.Header{"Accept-Language": {"en"}, "Idempotency-Key": {string(newToken())}}
	kind := "application/json"
	for i := 0; i < len(header); i += 2 {
		c.header.Set(header[i], header[i+1])
		if header[i] == "Content-Type" {
			kind = header[i+1]
		}
		if header[i+1] == "" {
			c.header.Del(header[i])
		}
	}
	path := route.path
	if query, ok := strings.CutPrefix(body, "?"); ok {
		path, body, kind = path+"?"+query, "", ""
	}
	if route.method == http.MethodGet {
		kind = ""
	}
	got := c.do(route.method, path, kind, body)
	c.check(route.method, route.path, got)
	return got
}

func newClient(t *testing.T) *client {
	t.Helper()
	o := newOffice()
	p, _ := newPortal(t, o)
	p.bySession, p.postsByClient, p.byClient = budget.New[string](maxCounted, 100_000, 1), budget.New[string](maxCounted, 100_000, 1), budget.New[string](maxCounted, 100_000, 1)
	b := newBrowser(t, p.Handler())
	return &client{b, readDocument(t, b.get("/api/openapi.json").body), o, p}
}

func routeOf(name string) apiRoute {
	i := slices.IndexFunc(apiRoutes, func(r apiRoute) bool { return r.name == name })
	return apiRoutes[i]
}

// Every operation, every status and every body is as the document says, and the document has nothing else.
func TestDocument(t *testing.T) {
	c := newClient(t)
	session := c.ask(routeOf("openSession"), "")
	var opened struct{ Session string }
	require.NoError(t, json.Unmarshal([]byte(session.body), &opened))
	bearer := []string{"Authorization", "Bearer " + opened.Session}
	for _, route := range apiRoutes {
		switch {
		case route.form.kind != 0:
			c.request(route)
		case route.session:
			c.look(route, bearer)
		default:
			c.ask(route, "")
		}
		c.p.byClient = budget.New[string](maxCounted, 0, 1)
		require.Equal(t, 429, c.ask(route, bodies[route.name]).StatusCode)
		c.p.byClient = budget.New[string](maxCounted, 100_000, 1)
	}
	require.Equal(t, 403, c.ask(routeOf("openSession"), "", "Sec-Fetch-Site", "cross-site").StatusCode)
	require.Equal(t, 413, c.ask(routeOf("openSession"), strings.Repeat(" ", maxBody+1)).StatusCode)
	c.o.open["api|"+token(opened.Session).public("api")] = true
	for _, name := range []string{"held", "statement"} {
		require.Equal(t, 200, c.ask(routeOf(name), "", bearer...).StatusCode)
	}
	require.Equal(t, 422, c.ask(routeOf("statement"), "?from=2026-01-01&to=2026-12-31", bearer...).StatusCode)
	require.Equal(t, 200, c.ask(routeOf("statement"), "?from=2026-11-01&to=2026-11-30", bearer...).StatusCode)
	require.Equal(t, 404, c.ask(routeOf("status"), "", bearer...).StatusCode)
	c.ask(routeOf("see"), bodies["see"], bearer...)
	require.Equal(t, 200, c.ask(routeOf("status"), "", bearer...).StatusCode)
	c.everySeen()
}

// request makes every answer that an operation which asks for something can give.
func (c *client) request(route apiRoute) {
	t, body := c.browser.t, bodies[route.name]
	c.document.valid("paths/"+pointer(route.path)+"/post/requestBody/content/"+pointer("application/json")+"/schema", body)
	good := c.ask(route, body)
	require.Equal(t, route.statuses[0], good.StatusCode, route.name)
	require.Contains(t, good.body, `"session": "`)
	for _, v := range []struct {
		status int
		body   string
		header []string
	}{
		{400, body, []string{"Idempotency-Key", ""}},
		{400, body, []string{"Idempotency-Key", "short"}},
		{400, body, []string{"Idempotency-Key", "with a blank"}},
		{400, body, []string{"Idempotency-Key", strings.Repeat("k", maxKey+1)}},
		{400, `{"unknown":1}`, nil},
		{400, `[]`, nil},
		{400, `null`, nil},
		{400, ``, nil},
		{400, body + body, nil},
		{400, strings.TrimSuffix(body, "}") + `,"secret":true}`, nil},
		{401, body, []string{"Authorization", "Bearer x"}},
		{401, body, []string{"Authorization", "Basic " + string(newToken())}},
		{403, body, []string{"Sec-Fetch-Site", "cross-site"}},
		{413, body + strings.Repeat(" ", maxBody), nil},
		{415, body, []string{"Content-Type", "text/plain"}},
		{415, body, []string{"Content-Type", "application/x-www-form-urlencoded"}},
	} {
		require.Equal(t, v.status, c.ask(route, v.body, v.header...).StatusCode, "%s %v %s", route.name, v.header, v.body)
	}
	for _, v := range []struct {
		status  int
		outcome acquirer.Outcome
		err     error
	}{
		{429, acquirer.OutcomeLimited, nil}, {422, acquirer.OutcomeWrongCode, nil}, {422, acquirer.OutcomeRefused, nil},
		{200, acquirer.OutcomeHalf, nil}, {400, "", acquirer.ErrInbound}, {503, "", acquirer.ErrBusy}, {500, "", errors.New("disk")},
	} {
		if v.status == 200 && route.statuses[0] != 200 {
			continue
		}
		c.o.set(v.outcome, v.err)
		require.Equal(t, v.status, c.ask(route, body).StatusCode, route.name)
	}
	c.o.set("", nil)
}

// look makes the answers of an operation that needs a session.
func (c *client) look(route apiRoute, bearer []string) {
	t := c.browser.t
	got := c.ask(route, "")
	require.Equal(t, 401, got.StatusCode, route.name)
	require.Equal(t, "Bearer", got.Header.Get("WWW-Authenticate"))
	require.Equal(t, 401, c.ask(route, "", "Authorization", "Bearer "+strings.Repeat("A", 42)).StatusCode)
	if slices.Contains(route.statuses, 403) {
		require.Equal(t, 403, c.ask(route, "", bearer...).StatusCode)
	}
	c.o.set("", acquirer.ErrBusy)
	require.Equal(t, 503, c.ask(route, "", bearer...).StatusCode)
	c.o.set("", errors.New("disk"))
	require.Equal(t, 500, c.ask(route, "", bearer...).StatusCode)
	c.o.set("", nil)
}

// everySeen wants every status of every operation of the document to have been seen, and every address of the document to
// be served and none besides.
func (c *client) everySeen() {
	t := c.browser.t
	addresses := map[string]bool{}
	for path, item := range c.at("paths").(map[string]any) {
		for method, operation := range item.(map[string]any) {
			addresses[strings.ToUpper(method)+" "+path] = true
			for status := range operation.(map[string]any)["responses"].(map[string]any) {
				require.True(t, c.document.seen[method+" "+path+" "+status], "%s %s %s", method, path, status)
			}
		}
	}
	mux := http.NewServeMux()
	c.p.routeAPI(mux)
	served := 0
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		for _, name := range append(slices.Collect(pathsOf(c.document)), "/api/", "/api/v1/", "/api/v1/payments") {
			_, pattern := mux.Handler(must(http.NewRequest(method, name, nil)))
			require.Equal(t, addresses[method+" "+name], pattern != "", "%s %s", method, name)
			if pattern != "" {
				served++
			}
		}
	}
	require.Equal(t, len(apiRoutes), served)
	require.Len(t, addresses, served)
}

func pathsOf(d *document) func(func(string) bool) {
	return func(yield func(string) bool) {
		for path := range d.at("paths").(map[string]any) {
			if !yield(path) {
				return
			}
		}
	}
}

// The parts of the document that clients are made from are there.
func TestDocumentForm(t *testing.T) {
	d := newClient(t).document
	require.Equal(t, "3.1.0", d.tree["openapi"])
	ids := map[string]bool{}
	for path := range pathsOf(d) {
		require.Regexp(t, `^/api/(v1/[a-z]+|openapi\.json)$`, path)
		for method, operation := range d.at("paths", path).(map[string]any) {
			o := operation.(map[string]any)
			id, _ := o["operationId"].(string)
			require.False(t, id == "" || ids[id], path)
			ids[id] = true
			require.NotEmpty(t, o["summary"])
			require.Equal(t, method == "post" && path != "/api/v1/sessions", o["requestBody"] != nil, path)
			for _, p := range o["parameters"].([]any) {
				require.Contains(t, []any{"header", "query"}, p.(map[string]any)["in"])
			}
		}
	}
	for _, m := range regexp.MustCompile(`"\$ref":"#/components/schemas/(\w+)"`).FindAllStringSubmatch(string(must(json.Marshal(d.tree))), -1) {
		require.NotNil(t, d.at("components", "schemas", m[1]), m[1])
	}
	for at, text := range map[string]string{ // the schemas refuse what they must
		"components/schemas/Answer":    `{"outcome":"lost","language":"zh","again":false}`,
		"components/schemas/Problem":   `{"type":"urn:ringback:problem:other","title":"t","status":400}`,
		"components/schemas/Held":      strings.Replace(string(must(json.Marshal(viewHeld(someHeld())))), "621700*********0122", someCard, 1),
		"components/schemas/Statement": `{"from":"2026-11-01","to":"yesterday","count":0,"sum_fen":0,"more":false,"payers":[]}`,
		"components/schemas/Session":   `{"session":"short"}`,
	} {
		require.Error(t, d.validate(at, text), at)
	}
}

func TestAPIRegistration(t *testing.T) {
	c := newClient(t)
	first := c.ask(routeOf("register"), bodies["register"], "Idempotency-Key", "registration-1")
	var a answer
	require.NoError(t, json.Unmarshal([]byte(first.body), &a))
	require.Equal(t, acquirer.OutcomeTaken, a.Outcome)
	require.Equal(t, "Answer: taken.", a.Text)
	require.False(t, a.Again)
	bearer := "Bearer " + a.Session
	again := c.ask(routeOf("register"), bodies["register"], "Idempotency-Key", "registration-1", "Authorization", bearer)
	var second answer
	require.NoError(t, json.Unmarshal([]byte(again.body), &second))
	require.True(t, second.Again)
	require.Empty(t, second.Session, "it has one")
	require.Len(t, c.o.messages(), 1)

	wrong := c.ask(routeOf("confirm"), `{"code":"111111"}`, "Authorization", bearer)
	require.Contains(t, wrong.body, problemType+"wrong-code")
	require.Contains(t, wrong.body, `"field": "code"`)
	good := c.ask(routeOf("confirm"), `{"code":"`+rightCode+`"}`, "Authorization", "bearer "+a.Session)
	require.NoError(t, json.Unmarshal([]byte(good.body), &a))
	require.Equal(t, acquirer.OutcomeConfirmed, a.Outcome)
	require.Equal(t, time20261125, a.Effective.Format("2006-01-02T15:04:05Z07:00"))
	for _, m := range c.o.messages() {
		require.Equal(t, acquirer.ChannelAPI, m.Channel)
		require.Equal(t, token(strings.TrimPrefix(bearer, "Bearer ")).public("api"), m.Sender)
	}
	other := c.ask(routeOf("register"), bodies["register"], "Idempotency-Key", "registration-1")
	require.Contains(t, other.body, `"again": false`, "a key is its session's own")
}

const time20261125 = "2026-11-25T09:00:00+08:00"

func TestAPIReasons(t *testing.T) {
	c := newClient(t)
	for body, want := range map[string][]apiReason{
		`{"number":"1","name":"王","card":"6217"}`:  {oneReason("number", "number"), oneReason("name", "name"), oneReason("card-digits", "card")},
		`{"name":"王小明","card":"` + someCard + `"}`: {oneReason("missing", "number")},
	} {
		got := c.ask(routeOf("register"), body)
		require.Equal(t, 422, got.StatusCode)
		var p problem
		require.NoError(t, json.Unmarshal([]byte(got.body), &p))
		require.Equal(t, want, p.Reasons)
		require.Equal(t, problemType+"refused", p.Type)
		require.NotEmpty(t, p.Session)
	}
	got := c.ask(routeOf("devices"), `{"number":"`+someNumber+`"}`)
	require.Contains(t, got.body, `"field": "devices"`)
	got = c.ask(routeOf("confirm"), `{"code":"1"}`, "Accept-Language", "zh")
	require.Contains(t, got.body, "请求有误")
	require.Contains(t, got.body, words["reason.code"].en)
	require.Equal(t, []apiReason{oneReason("missing", "")}, reasonsOf([]acquirer.Reason{"missing"}, form{}, apiBody{}))
	for name, want := range map[string]string{"number": `{"number":"x"}`, "devices": `{"devices":[{"kind":"sms"}]}`, "code": `{"code":"x"}`, "name": `{"name":"x"}`,
		"card": `{"card":"x"}`, "new_number": `{"new_number":"x"}`} {
		var b apiBody
		require.True(t, b.empty(name), name)
		require.NoError(t, json.Unmarshal([]byte(want), &b))
		require.False(t, b.empty(name), name)
	}
}

// A session is bounded, whichever address it comes from.
func TestAPISessionLimit(t *testing.T) {
	c := newClient(t)
	c.p.bySession = budget.New[string](maxCounted, 2, 0.1)
	session := fmt.Sprint("Bearer ", newToken())
	for range 2 {
		require.Equal(t, 202, c.ask(routeOf("suspend"), bodies["suspend"], "Authorization", session).StatusCode)
	}
	got := c.ask(routeOf("suspend"), bodies["suspend"], "Authorization", session)
	require.Equal(t, 429, got.StatusCode)
	require.Equal(t, 202, c.ask(routeOf("suspend"), bodies["suspend"]).StatusCode, "another session")
}
