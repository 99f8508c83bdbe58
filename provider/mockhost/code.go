package mockhost

// Response codes, F39, that the host gives (host dialect, section 3.4).
const (
	codeApproved    = "00"
	codePickUp      = "04"
	codeNotHonour   = "05"
	codeInvalid     = "12"
	codeAmount      = "13"
	codeNoCard      = "14" // of an issuer that has cards here
	codeNoIssuer    = "15"
	codeNoOriginal  = "25"
	codeFormat      = "30"
	codeStranger    = "31" // institution is no member
	codeUnsupported = "40"
	codeLost        = "41"
	codeNoAccount   = "42"
	codeStolen      = "43"
	codeFunds       = "51"
	codeExpired     = "54"
	codePIN         = "55"
	codeNotAllowed  = "57"
	codeLimit       = "61"
	codeRestricted  = "62"
	codeOriginal    = "64" // amount is not that of the original
	codePINTries    = "75"
	codeSignOn      = "77"
	codeDuplicate   = "94"
	codeSystem      = "96"
	codeNoAnswer    = "98"
	codePINFormat   = "99"
	codeMAC         = "A0"
)
