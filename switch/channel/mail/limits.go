package mail

import "time"

// The limits of the channel. An operator's figures are in [Config].
const (
	maxMessage     = 64 << 10 // bytes of a message as received
	maxHeader      = 24 << 10 // bytes of its header
	maxFields      = 150      // fields of one header
	maxDepth       = 5        // multiparts within multiparts
	maxParts       = 40       // parts of a message, all levels together
	maxText        = 500      // characters of a command
	maxMessageID   = 160      // bytes of a Message-ID that is kept as it is
	maxReferences  = 10       // ids that an answer refers to
	maxSignatures  = 3        // DKIM signatures that are looked at
	maxRefusals    = 5        // refused recipients, then the connection ends
	maxLine        = 2000     // bytes of a line
	maxCommandTime = 30 * time.Second
	maxWriteTime   = 30 * time.Second
	maxLife        = 5 * time.Minute  // of a connection, whatever it does
	maxEvidence    = 6 * time.Second  // for all questions to the DNS about one message
	maxSend        = 20 * time.Second // for one message to the smart host
	maxHandling    = 60 * time.Second // for one message: evidence, inbox, answer
	maxDrain       = 10 * time.Second // for messages in hand when the switch ends

	defaultConnections = 100
	defaultPerAddress  = 5
)
