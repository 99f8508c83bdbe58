package smpp

import "example.com/ringback/switch/channel/sms"

// Limits are the times and sizes of the bind, see [sms.Limits].
type Limits = sms.Limits

// maxFrame is the longest PDU that is read, in bytes; a longer one ends the link, for behind it nothing is certain.
const maxFrame = 8192
