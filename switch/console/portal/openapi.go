package portal

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	acquirer "example.com/ringback/switch"
)

// object is a JSON object of the document.
type object = map[string]any

// openAPI makes the document of the API (OpenAPI 3.1.0) from the table of its operations.
func openAPI() ([]byte, error) {
	paths := object{}
	for _, route := range apiRoutes {
		item, ok := paths[route.path].(object)
		if !ok {
			item = object{}
			paths[route.path] = item
		}
		item[strings.ToLower(route.method)] = operation(route)
	}
	return json.MarshalIndent(object{
		"openapi":           "3.1.0",
		"jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
		"info": object{"title": "Ringback", "version": "1", "summary": "Payees register, change and look at what is held.",
			"description": "A request is durable when it is taken. If it can be carried out, a code goes to the mobile number; " +
				"send it with the same session to confirm. No answer tells whether a number is registered."},
		"servers": []object{{"url": "/"}},
		"paths":   paths,
		"components": object{"schemas": schemas(), "securitySchemes": object{"session": object{"type": "http", "scheme": "bearer",
			"description": "The session of the first answer, or of POST /api/v1/sessions."}}},
	}, "", " ")
}

func operation(route apiRoute) object {
	o := object{"operationId": route.name, "summary": route.summary, "responses": responses(route), "security": []object{}}
	parameters := []object{{"name": "Accept-Language", "in": "header", "schema": object{"type": "string"},
		"description": "zh or en: of titles and texts."}}
	for _, name := range route.query {
		parameters = append(parameters, object{"name": name, "in": "query", "schema": object{"type": "string", "format": "date"},
			"description": "Both or neither, 92 days at most; the last 30 days when neither is given."})
	}
	switch {
	case route.session:
		o["security"] = []object{{"session": []string{}}}
	case route.form.name != "":
		o["security"] = []object{{}, {"session": []string{}}}
		parameters = append(parameters, object{"name": "Idempotency-Key", "in": "header", "required": true,
			"schema":      object{"type": "string", "minLength": minKey, "maxLength": maxKey, "pattern": "^[!-~]+$"},
			"description": "Names the request within the session: the same key gets the first answer again and has no second effect."})
		o["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": bodySchema(route.form)}}}
	}
	o["parameters"] = parameters
	return o
}

func responses(route apiRoute) object {
	all := object{}
	for _, status := range route.statuses {
		r := object{"description": http.StatusText(status)}
		if status < 300 {
			r["content"] = object{"application/json": object{"schema": ref(route.answer)}}
		} else {
			r["content"] = object{"application/problem+json": object{"schema": ref("Problem")}}
		}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			r["headers"] = object{"Retry-After": object{"schema": object{"type": "integer", "minimum": 1}, "description": "Seconds."}}
		}
		all[strconv.Itoa(status)] = r
	}
	return all
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// bodySchema is the schema of what a form sends.
func bodySchema(f form) object {
	properties, required := object{}, []string{}
	for _, name := range f.fields {
		properties[name] = fieldSchemas[name]
		if f.kind != acquirer.RequestConfirm || name != "number" {
			required = append(required, name)
		}
	}
	if f.kind == acquirer.RequestDevices {
		properties["front"] = object{"type": "boolean", "default": false, "description": "Put the devices in front of the list instead of in its place."}
	}
	return shape(properties, required...)
}

var fieldSchemas = map[string]object{
	"number":     text1("The payee's mobile number: 11 digits, with or without +86."),
	"new_number": text1("The mobile number that takes its place."),
	"name":       text1("As at the card's bank."),
	"card":       text1("Number of a debit card. It is never sent back."),
	"code":       text1("Six digits."),
	"devices": {"type": "array", "minItems": 1, "items": shape(object{
		"kind":    object{"type": "string", "examples": []string{"sms", "voice", "email", "webhook", "letter"}},
		"address": object{"type": "string", "description": "None for a device that reaches the payee's own number: sms, voice."}}, "kind")},
}

func text1(description string) object {
	return object{"type": "string", "minLength": 1, "description": description}
}

// shape is a schema of an object with these members and no others.
func shape(properties object, required ...string) object {
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func list(of object) object { return object{"type": "array", "items": of} }

// Schemas that others are made of.
var (
	stringSchema = object{"type": "string"}
	countSchema  = object{"type": "integer", "minimum": 0}
	timeSchema   = object{"type": "string", "format": "date-time"}
	dateSchema   = object{"type": "string", "format": "date"}
	numberSchema = object{"type": "string", "pattern": "^1[0-9]{10}$"}
	maskedSchema = object{"type": "string", "pattern": `^([0-9]{6}\*+[0-9]{4})?$`, "description": "A card number, masked."}
	tokenSchema  = object{"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$", "description": "A session: a secret of the client."}
)

// schemas are those that operations name.
func schemas() object {
	return object{
		"Session": shape(object{"session": tokenSchema}, "session"),
		"Answer": shape(object{
			"outcome":   object{"enum": []acquirer.Outcome{acquirer.OutcomeTaken, acquirer.OutcomeConfirmed, acquirer.OutcomeHalf, acquirer.OutcomeCancelled, acquirer.OutcomeHelp, acquirer.OutcomeRefused, acquirer.OutcomeWrongCode, acquirer.OutcomeLimited}},
			"text":      object{"type": "string", "description": "For a person."},
			"language":  object{"enum": []string{"zh", "en"}},
			"effective": object{"type": "string", "format": "date-time", "description": "When a confirmed change takes effect; none when a person must approve it first."},
			"again":     object{"type": "boolean", "description": "The key came before; this is the answer that it got then."},
			"session":   tokenSchema}, "outcome", "language", "again"),
		"Problem": shape(object{
			"type": object{"enum": problemTypes()}, "title": stringSchema, "status": object{"type": "integer", "minimum": 400, "maximum": 599},
			"detail": stringSchema, "session": tokenSchema, "reasons": list(ref("Reason"))}, "type", "title", "status"),
		"Reason": shape(object{"reason": stringSchema, "field": object{"enum": slices.Sorted(maps.Keys(fieldSchemas))},
			"text": shape(object{"zh": stringSchema, "en": stringSchema}, "zh", "en")}, "reason", "text"),
		"Held":      heldSchema(),
		"Statement": statementSchema(),
		"Document":  object{"type": "object", "required": []string{"openapi", "info", "paths"}},
	}
}

func problemTypes() (all []string) {
	for _, slug := range slices.Sorted(maps.Keys(problemTitles)) {
		all = append(all, problemType+slug)
	}
	return all
}

func heldSchema() object {
	return shape(object{
		"number": numberSchema, "name": stringSchema, "card": maskedSchema,
		"status": object{"enum": []string{"registered", "active", "suspended", "deleted"}}, "alive": timeSchema, "language": stringSchema,
		"devices": list(shape(object{"kind": stringSchema, "address": object{"type": "string", "description": "Masked."}}, "kind")),
		"enrolments": list(shape(object{"id": stringSchema, "kind": stringSchema, "state": stringSchema, "channel": stringSchema,
			"opened": timeSchema, "changed": timeSchema, "effective": timeSchema, "source": stringSchema, "reasons": list(stringSchema)},
			"id", "kind", "state", "channel", "opened", "changed")),
		"notices": list(shape(object{"id": stringSchema, "kind": stringSchema, "created": timeSchema, "state": stringSchema,
			"device": stringSchema, "address": stringSchema}, "id", "kind", "created", "state")),
		"payments": ref("Statement"),
	}, "number", "name", "card", "status", "language", "devices", "enrolments", "notices")
}

func statementSchema() object {
	payment := shape(object{"rrn": object{"type": "string", "pattern": "^[0-9]{12}$"}, "at": timeSchema, "amount_fen": countSchema,
		"state": stringSchema, "memo": stringSchema}, "rrn", "at", "amount_fen", "state")
	payer := shape(object{"payer": numberSchema, "count": countSchema, "sum_fen": countSchema, "payments": list(payment)},
		"payer", "count", "sum_fen", "payments")
	return shape(object{"from": dateSchema, "to": dateSchema, "count": countSchema, "sum_fen": countSchema,
		"more": object{"type": "boolean", "description": "There are more payments than are listed."}, "payers": list(payer)},
		"from", "to", "count", "sum_fen", "more", "payers")
}
