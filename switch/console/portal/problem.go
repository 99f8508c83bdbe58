package portal

import (
	"net/http"

	acquirer "example.com/ringback/switch"
)

// problem is an answer of RFC 9457 (application/problem+json).
type problem struct {
	Type    string      `json:"type"` // urn:ringback:problem: and the slug
	Title   string      `json:"title"`
	Status  int         `json:"status"`
	Detail  string      `json:"detail,omitempty"`
	Reasons []apiReason `json:"reasons,omitempty"`
	Session string      `json:"session,omitempty"` // a new one, as in an answer

	slug string
}

// apiReason is one thing that is wrong with a request.
type apiReason struct {
	Reason string            `json:"reason"`
	Field  string            `json:"field,omitempty"`
	Text   map[string]string `json:"text"` // by language
}

const problemType = "urn:ringback:problem:"

// problemTitles are the kinds of problem by their slugs.
var problemTitles = map[string]bilingual{
	"malformed":     {"无法读取请求", "The request cannot be read."},
	"key":           {"缺少Idempotency-Key，或其格式有误", "Idempotency-Key is missing, or is not 8 to 128 printable characters without blanks."},
	"session":       {"需要有效的会话", "A session must be shown: Authorization: Bearer."},
	"cross-origin":  {"拒绝来自其他网站的请求", "Requests of other sites are refused."},
	"not-confirmed": {"会话尚未确认查询，或已过期", "The session has no confirmed request to see, or it is too old."},
	"no-request":    {"该会话没有请求", "The session has asked for nothing."},
	"not-found":     {"没有此地址", "There is no such address."},
	"method":        {"不支持此方法", "The address does not take this method."},
	"too-large":     {"请求过大", "The request is too large."},
	"media-type":    {"请求须为application/json", "The body must be application/json."},
	"refused":       {"请求有误", "The request is wrong."},
	"wrong-code":    {"验证码不正确或已失效", "No request of this session or number waits for that code."},
	"period":        {"期间有误，最长92天", "The period is wrong: two dates, 92 days at most."},
	"limited":       {"今日次数已用完", "That is enough for today."},
	"too-many":      {"请求过于频繁", "Too many requests."},
	"busy":          {"系统繁忙，请求未受理", "The system is busy; nothing was taken."},
	"failed":        {"系统故障", "Something failed."},
}

// problem writes one.
func (p *Portal) problem(w http.ResponseWriter, r *http.Request, f problem) {
	f.Type, f.Title = problemType+f.slug, problemTitles[f.slug].in(visitOf(r).language)
	if f.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, f.Status, "application/problem+json", f)
}

// reasonsOf names the members that the reasons of a refusal are about.
func reasonsOf(reasons []acquirer.Reason, f form, body apiBody) (all []apiReason) {
	for _, r := range reasons {
		if r != acquirer.ReasonMissing {
			all = append(all, oneReason(r, fieldOf(r)))
			continue
		}
		found := false
		for _, name := range f.fields {
			if body.empty(name) {
				all, found = append(all, oneReason(r, name)), true
			}
		}
		if !found {
			all = append(all, oneReason(r, ""))
		}
	}
	return all
}

func oneReason(r acquirer.Reason, field string) apiReason {
	return apiReason{Reason: string(r), Field: field, Text: map[string]string{
		string(acquirer.Chinese): reasonText(acquirer.Chinese, r), string(acquirer.English): reasonText(acquirer.English, r)}}
}
