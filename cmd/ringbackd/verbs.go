package main

import "slices"

// role is what an operator of the configuration may do. No role includes another.
type role string

const (
	roleView    role = "view"    // look: payments, terminals, journals, figures
	roleOperate role = "operate" // act: payees, blocks, the worklist
	roleKeys    role = "keys"    // make or see a key
)

// verb says who may run a verb of the command line, and how.
type verb struct {
	roles []role // one of them is needed when the configuration lists operators; none: everybody may

	// changes: the verb goes through [act.perform], which writes it into the operators' journal.
	changes bool
	// twoPersons: with admin.two_persons it is filed as a request, and done when another operator with the role approves
	// it; blank makes an empty one to be filled from the request.
	twoPersons bool
	blank      func() change
	// account: the account that owns the master key may run it, listed or not, unless a person does so through sudo.
	account bool
	// founding: it makes or replaces an installation, for which no configuration speaks yet; see [initialise] for what it
	// refuses. Not through sudo, but to become root.
	founding bool
}

// verbs are all there are. One that is not here does not run, and a test compares them with the command line.
var verbs = map[string]verb{
	"init":  {founding: true},
	"up":    {founding: true},
	"check": {}, // says what a configuration lacks, before there is anything else
	"serve": {roles: []role{roleOperate}, account: true},

	"terminal add": {roles: []role{roleKeys}, changes: true, twoPersons: true,
		blank: func() change { return &terminalAddCmd{} }},
	"key rotate": {roles: []role{roleKeys}, changes: true, twoPersons: true,
		blank: func() change { return &keyRotateCmd{} }},
	"terminal list":    {roles: []role{roleView}},
	"terminal block":   {roles: []role{roleOperate}, changes: true},
	"terminal unblock": {roles: []role{roleOperate}, changes: true},
	"payee add":        {roles: []role{roleOperate}, changes: true},
	"payment show":     {roles: []role{roleView}},
	"payment list":     {roles: []role{roleView}},
	"payee suspend":    {roles: []role{roleOperate}, changes: true},
	"payee resume":     {roles: []role{roleOperate}, changes: true},
	"payee delete":     {roles: []role{roleOperate}, changes: true},
	"payee export":     {roles: []role{roleOperate}, changes: true}, // it changes nothing, but who got it must be known
	"payee show":       {roles: []role{roleView}},
	"payee statement":  {roles: []role{roleView}},
	"notice list":      {roles: []role{roleView}},
	"notice show":      {roles: []role{roleView}},
	"notice retry":     {roles: []role{roleOperate}, changes: true},
	"purge":            {roles: []role{roleOperate}, changes: true},

	"enrolment list":    {roles: []role{roleView}},
	"enrolment show":    {roles: []role{roleView}},
	"enrolment approve": {roles: []role{roleOperate}, changes: true},
	"enrolment refuse":  {roles: []role{roleOperate}, changes: true},

	"settle":           {roles: []role{roleOperate}, changes: true},
	"report":           {roles: []role{roleView}},
	"discrepancy list": {roles: []role{roleView}},
	"discrepancy show": {roles: []role{roleView}},
	"discrepancy resolve": {roles: []role{roleOperate}, changes: true, twoPersons: true,
		blank: func() change { return &discrepancyResolveCmd{} }},

	"audit":  {roles: []role{roleView}},
	"decode": {roles: []role{roleView}},

	"operation list": {roles: []role{roleView}},
	"request list":   {roles: []role{roleView, roleOperate, roleKeys}},
	// Which role it is that counts is the request's verb's; see [approveCmd].
	"approve": {roles: []role{roleView, roleOperate, roleKeys}, changes: true},
}

// allows reports whether one of the roles is enough.
func (v verb) allows(has []role) bool {
	return len(v.roles) == 0 || slices.ContainsFunc(has, func(r role) bool { return slices.Contains(v.roles, r) })
}
