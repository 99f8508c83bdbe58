package store

// The texts of every read; statement.go has those of the writes, and the columns.

// query names a read.
type query int

// The reads.
const (
	readTxn query = iota
	readTxnByKey
	readTxnByToken
	readTxnByHost
	readTxnUnfinished
	readTxnInState
	readTxnList
	readLastDate
	readLastID
	readSteps
	readHistory
	readOutbox
	readNotices
	readTold
	readDue
	readNextDue
	readReversals
	readReversalOf
	readTerminal
	readTerminals
	readAlarms
	readPayeeByNumber
	readPayeeByRef
	readLastPayee
	readZoneKey
	readDataKey
	readProof
	readHead
	readEnds
	readOperationEnd
	readOperationLast
	readOperations
	readRequest
	readRequests
	readSchema

	readPayeeByID
	readSilent
	readContact
	readMessage
	readEnrolment
	readEnrolmentsOf
	readEnrolmentsBy
	readEnrolmentsOfPayee
	readEnrolmentsDue
	readEnrolmentsIn
	readEnrolmentsEnded
	readAnyEnrolment
	readLastEnrolment
	readEnrolmentSteps
	readPaymentsTo
	readUnrouted
	readDueNotices
	readNoticesBeside
	readNoticesIn
	readNoticeByReceipt
	readNotice
	readNoticeSteps
	readOldNotices
	readPayeesEnded
	readOldKeys
	readShredded
	readPayeesUnder
	readCardsUnder
	readContactsUnder
	readEnrolmentsUnder
	readNoticesUnder

	readBatch
	readBatchesSettling
	readLastClosed
	readBatchLines
	readBatchLineCount
	readStrays
	readBatchSums
	readBatchDebits
	readDebitsByTrace
	readHeard
	readSettlement
	readSettlementsOwed
	readLinesOf
	readTxnOfSettlement
	readTxnOfHosts
	readLastSettled
	readDiscrepancy
	readDiscrepanciesOf
	readDiscrepancies
	readPayout
	readPayoutsOf
	readWorklistOf
	readReportPayee
	readReportMerchant
	readReportTerminal
)

const (
	selectTxn = `SELECT id, version, state, biz_date, merchant, terminal, batch, stan, amount, payee_id, card_version,
		entry_mode, card_seq, token, host_time, host_stan, opened, deadline, answered, code, auth_code, settle_date,
		host_text, host_code, undo_wanted, confirmed, exception, key_id, sealed FROM txn `
	selectReversal = `SELECT id, txn, host_time, host_stan, reason, tries, due, host_code FROM saf `
	selectTerminal = `SELECT id, merchant, line, blocked, mac, single_mak, single_des, sm4, keyed_entry, tmk, batch,
		signed_on, pik, mak, tdk, old_mak, since, ended, closed FROM terminal `
	selectPayee = `SELECT p.id, p.number_index, c.version, p.status, p.key_id, p.sealed, c.key_id, c.sealed, p.alive, p.ended, p.revision
		FROM payee p JOIN payee_card c ON c.payee_id = p.id `
	selectEnrolment = `SELECT ` + enrolmentColumns + ` FROM enrolment `
	selectBatch     = `SELECT ` + batchColumns + ` FROM terminal_batch `
	selectNotice    = `SELECT ` + noticeColumns + ` FROM outbox `

	selectSettlement  = `SELECT ` + settlementColumns + `, mac FROM settlement `
	selectDiscrepancy = `SELECT d.id, d.kind, d.date, d.subject, d.txn, d.rrn, d.ours, d.theirs, d.opened, d.why, d.mac,
		r.discrepancy, r.subject, r.resolution, r.why, r.who, r.line, r.at, r.mac FROM discrepancy d LEFT JOIN resolution r ON r.discrepancy = d.id `
)

// reportSums are the sums of a group: what stands, is paid, is agreed and not paid, waits, is closed, and was undone. The words of a
// closed payment are those of its resolutions.
const reportSums = `,
	count(*) FILTER (WHERE state IN (3, 7, 8, 9)), coalesce(sum(amount) FILTER (WHERE state IN (3, 7, 8, 9)), 0),
	count(*) FILTER (WHERE state = 9 AND NOT closed), coalesce(sum(amount) FILTER (WHERE state = 9 AND NOT closed), 0),
	count(*) FILTER (WHERE state IN (7, 8) AND exception = ''), coalesce(sum(amount) FILTER (WHERE state IN (7, 8) AND exception = ''), 0),
	count(*) FILTER (WHERE waits), coalesce(sum(amount) FILTER (WHERE waits), 0),
	count(*) FILTER (WHERE state IN (3, 7, 8, 9) AND closed), coalesce(sum(amount) FILTER (WHERE state IN (3, 7, 8, 9) AND closed), 0),
	count(*) FILTER (WHERE state IN (4, 5)), coalesce(sum(amount) FILTER (WHERE state IN (4, 5)), 0)
	FROM (SELECT merchant, terminal, payee_id, card_version, state, amount, exception,
			exception IN ('closed: no-payout', 'closed: refunded') AS closed,
			(state = 3 OR state IN (7, 8) AND exception <> '') AND exception NOT IN ('closed: no-payout', 'closed: refunded') AS waits
		FROM txn WHERE id > $1 AND id <= $2 AND settle_date = $3) GROUP BY `

// reads are the texts, by query. Where a partial index is to be used its condition is repeated word for word.
var reads = [...]string{
	readTxn: selectTxn + `WHERE id = $1`,
	// By a key there are very few rows, and the newest is chosen by who reads them: for a statement with ORDER BY or
	// LIMIT, SQLite makes a new plan at every run, which costs four times the read.
	readTxnByKey:      selectTxn + `WHERE biz_date IN ($1, $2) AND merchant = $3 AND terminal = $4 AND batch = $5 AND stan = $6`,
	readTxnByToken:    selectTxn + `WHERE biz_date IN ($1, $2) AND token = $3 AND state <> 1 AND token IS NOT NULL`,
	readTxnByHost:     selectTxn + `WHERE host_time = $1 AND host_stan = $2 AND host_time IS NOT NULL`,
	readTxnUnfinished: selectTxn + `WHERE state = $1 AND state IN (2, 4) AND id > $2 ORDER BY id LIMIT $3`,
	readTxnInState:    selectTxn + `WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3`,
	readTxnList:       selectTxn + `WHERE id > $1 AND id <= $2 AND ($3 = 0 OR state = $3) ORDER BY id LIMIT $4`,
	readLastDate:      `SELECT coalesce(max(biz_date), 0) FROM txn`,
	readLastID: `SELECT coalesce(max(id), 0) FROM (SELECT max(id) AS id FROM txn WHERE id BETWEEN $1 AND $2
		UNION ALL SELECT max(id) FROM saf WHERE id BETWEEN $1 AND $2
		UNION ALL SELECT id FROM spent WHERE biz_date = $3) AS ids`,
	readSteps:      `SELECT version, at, from_state, to_state, event, detail FROM step WHERE txn = $1 ORDER BY version`,
	readHistory:    `SELECT chain, seq, made, version, at, from_state, to_state, event, detail FROM step WHERE txn = $1 ORDER BY version`,
	readOutbox:     selectNotice + `WHERE state = 0 ORDER BY txn, kind, copy LIMIT $1`,
	readNotices:    selectNotice + `WHERE txn = $1 ORDER BY kind, copy`,
	readTold:       `SELECT count(*) FROM outbox WHERE txn = $1 AND kind = $2 AND (tries > 0 OR sent > 0)`,
	readDue:        selectReversal + `WHERE due <= $1 ORDER BY due, id LIMIT $2`,
	readNextDue:    `SELECT due FROM saf ORDER BY due, id LIMIT 1`,
	readReversals:  selectReversal + `ORDER BY due, id`,
	readReversalOf: selectReversal + `WHERE txn = $1 ORDER BY id`,
	readTerminal:   selectTerminal + `WHERE id = $1`,
	readTerminals:  selectTerminal + `ORDER BY id`,
	readAlarms:     `SELECT terminal, kind, first, last, count FROM alarm ORDER BY terminal, kind`,
	// The payee of the number or the one behind it: a number that nobody has costs what one costs that somebody has.
	readPayeeByNumber: selectPayee + `AND c.version = p.card_version WHERE p.number_index >= $1
		ORDER BY p.number_index LIMIT 1`,
	readPayeeByRef: selectPayee + `WHERE p.id = $1 AND c.version = $2`,
	readLastPayee:  `SELECT coalesce(max(id), 0) FROM payee`,
	readZoneKey:    `SELECT block FROM zone_key WHERE usage = $1`,
	readDataKey:    `SELECT wrapped FROM data_key WHERE id = $1`,
	readProof:      `SELECT proof, secret FROM vault WHERE id = 1`,
	readHead:       `SELECT id, seq, txn, version, hash, mac FROM chain WHERE id = $1`,
	// Every chain's end beside the step that it names.
	readEnds: `SELECT c.id, c.seq, c.txn, c.version, c.hash, c.mac, s.chain, s.seq, s.hash
		FROM chain c LEFT JOIN step s ON s.txn = c.txn AND s.version = c.version ORDER BY c.id`,
	readOperationEnd: `SELECT seq, hash, mac FROM operation_end WHERE id = 1`,
	// The end of the operators' journal beside the last line there is.
	readOperationLast: `SELECT e.seq, e.hash, e.mac, o.seq, o.hash FROM operation_end e
		LEFT JOIN operation o ON o.seq = (SELECT max(seq) FROM operation) WHERE e.id = 1`,
	readOperations: `SELECT ` + operationColumns + ` FROM operation WHERE seq > $1 AND seq <= $2 ORDER BY seq DESC LIMIT $3`,
	readRequest: `SELECT ` + operationColumns + `, hash, (SELECT b.hash FROM operation b WHERE b.seq = r.id - 1),
		r.closed, r.key_id, r.sealed FROM request r JOIN operation ON seq = r.id WHERE r.id = $1`,
	readRequests: `SELECT ` + operationColumns + ` FROM request r JOIN operation ON seq = r.id WHERE r.closed = 0 ORDER BY seq`,
	readSchema:   `SELECT coalesce(max(version), 0) FROM schema_version`,

	readPayeeByID: selectPayee + `AND c.version = p.card_version WHERE p.id = $1`,
	readSilent: selectPayee + `AND c.version = p.card_version WHERE p.status = 2 AND p.alive > 0 AND p.alive < $1 AND p.id > $2
		ORDER BY p.id LIMIT $3`,
	readContact: `SELECT key_id, sealed FROM payee_contact WHERE payee_id = $1`,
	readMessage: `SELECT at, kind, outcome, language, silent, reasons, effective FROM message WHERE id = $1`,

	readEnrolment:         selectEnrolment + `WHERE id = $1`,
	readEnrolmentsOf:      selectEnrolment + `WHERE (number_index = $1 OR new_index = $1 AND new_index IS NOT NULL) AND state = $2 ORDER BY id DESC LIMIT $3`,
	readEnrolmentsBy:      selectEnrolment + `WHERE sender_index = $1 ORDER BY id DESC LIMIT $2`,
	readEnrolmentsOfPayee: selectEnrolment + `WHERE payee_id = $1 AND payee_id > 0 ORDER BY id DESC LIMIT $2`,
	readEnrolmentsDue:     selectEnrolment + `WHERE due > 0 AND due <= $1 ORDER BY due LIMIT $2`,
	readEnrolmentsIn:      selectEnrolment + `WHERE ($1 = 0 OR state = $1) AND id < $2 ORDER BY id DESC LIMIT $3`,
	readEnrolmentsEnded:   selectEnrolment + `WHERE due = 0 AND id > $1 ORDER BY id LIMIT $2`,
	readAnyEnrolment:      selectEnrolment + `ORDER BY id DESC LIMIT 1`,
	readLastEnrolment:     `SELECT coalesce(max(id), 0) FROM enrolment WHERE id BETWEEN $1 AND $2`,
	readEnrolmentSteps: `SELECT version, at, from_state, to_state, event, detail FROM enrolment_step WHERE enrolment = $1
		ORDER BY version`,
	readPaymentsTo: selectTxn + `WHERE biz_date = $1 AND payee_id = $2 AND state IN (3, 7, 8, 9) ORDER BY id LIMIT $3`,

	readUnrouted: selectNotice + `WHERE device = '' AND state = 0 AND due <= $1 ORDER BY due LIMIT $2`,
	// Of each lane the first that was made.
	readDueNotices: selectNotice + `AS n WHERE device = $1 AND state = 0 AND due <= $2 AND NOT EXISTS (SELECT 1 FROM outbox e
		WHERE e.lane = n.lane AND e.state = 0 AND e.lane IS NOT NULL
		AND (e.created, e.txn, e.kind, e.copy) < (n.created, n.txn, n.kind, n.copy)) ORDER BY due LIMIT $3`,
	readNoticesBeside:   selectNotice + `WHERE lane = $1 AND state = 0 AND due <= $2 ORDER BY created, txn, kind, copy LIMIT $3`,
	readNoticesIn:       selectNotice + `WHERE state = $1 ORDER BY txn, kind, copy LIMIT $2`,
	readNoticeByReceipt: selectNotice + `WHERE device = $1 AND receipt = $2 AND receipt <> '' ORDER BY state = 1 DESC, sent DESC LIMIT 1`,
	readNotice:          selectNotice + `WHERE txn = $1 AND kind = $2 AND copy = $3`,
	readNoticeSteps: `SELECT at, device, try, state, detail, reference FROM outbox_step WHERE txn = $1 AND kind = $2 AND copy = $3
		ORDER BY revision`,
	readOldNotices:      selectNotice + `WHERE sealed IS NOT NULL AND created < $1 LIMIT $2`,
	readPayeesEnded:     `SELECT id FROM payee WHERE status = 4 AND ended < $1 AND id > 0 LIMIT $2`,
	readOldKeys:         `SELECT id FROM data_key WHERE id < $1 ORDER BY id LIMIT $2`,
	readShredded:        `SELECT at, mac FROM shredded WHERE id = $1`,
	readPayeesUnder:     `SELECT id, revision, sealed FROM payee WHERE key_id = $1 LIMIT $2`,
	readCardsUnder:      `SELECT payee_id, version, sealed FROM payee_card WHERE key_id = $1 LIMIT $2`,
	readContactsUnder:   `SELECT payee_id, 0, sealed FROM payee_contact WHERE key_id = $1 LIMIT $2`,
	readEnrolmentsUnder: `SELECT id, version, sealed FROM enrolment WHERE key_id = $1 LIMIT $2`,
	readNoticesUnder:    selectNotice + `WHERE key_id = $1 LIMIT $2`,

	readBatch:           selectBatch + `WHERE terminal = $1 AND merchant = $2 AND batch = $3 AND biz_date >= $4 ORDER BY biz_date DESC LIMIT 1`,
	readBatchesSettling: selectBatch + `WHERE state = 2 ORDER BY at`,
	readLastClosed:      `SELECT coalesce(max(closed), 0) FROM terminal_batch WHERE terminal = $1 AND merchant = $2 AND batch <> $3`,
	readBatchLines: `SELECT stan, amount, verdict, txn FROM batch_line WHERE terminal = $1 AND merchant = $2 AND batch = $3
		AND biz_date = $4 ORDER BY stan`,
	readBatchLineCount: `SELECT count(*) FROM batch_line WHERE terminal = $1 AND merchant = $2 AND batch = $3 AND biz_date = $4`,
	readStrays: `SELECT l.terminal, l.merchant, l.batch, l.stan, l.amount FROM batch_line l JOIN terminal_batch b
		ON b.terminal = l.terminal AND b.merchant = l.merchant AND b.batch = l.batch AND b.biz_date = l.biz_date
		WHERE l.biz_date = $1 AND l.verdict = 2 AND b.state = 3 ORDER BY l.terminal, l.batch, l.stan LIMIT $2`,
	// A terminal's debits of one date, by the unique index: date, merchant and terminal are in front in it.
	readBatchSums: `SELECT coalesce(sum(CASE WHEN batch = $1 THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN batch = $1 THEN amount ELSE 0 END), 0),
		coalesce(sum(CASE WHEN opened > $2 THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN opened > $2 THEN amount ELSE 0 END), 0)
		FROM txn WHERE biz_date = $3 AND merchant = $4 AND terminal = $5 AND state IN (3, 7, 8, 9)`,
	readBatchDebits: `SELECT id FROM txn WHERE biz_date = $1 AND merchant = $2 AND terminal = $3 AND (batch = $4 OR opened > $5)
		AND state IN (2, 3, 7, 8, 9)`,
	readDebitsByTrace:   `SELECT id FROM txn WHERE biz_date = $1 AND merchant = $2 AND terminal = $3 AND stan = $4`,
	readHeard:           `SELECT at FROM witness WHERE terminal = $1`,
	readSettlement:      selectSettlement + `WHERE date = $1`,
	readSettlementsOwed: selectSettlement + `WHERE ended < asked ORDER BY date`,
	readLinesOf: `SELECT date, number, kind, txn, amount FROM clearing_line WHERE txn BETWEEN $1 AND $2 AND txn > 0
		ORDER BY date, number`,
	readTxnOfSettlement: selectTxn + `WHERE id > $1 AND id <= $2 AND (settle_date = $3
		OR EXISTS (SELECT 1 FROM clearing_line l WHERE l.txn = txn.id AND l.txn > 0 AND l.date = $4)) ORDER BY id LIMIT $5`,
	// Each key is looked up in its index.
	readTxnOfHosts: selectTxn + `WHERE id IN (SELECT h.id FROM json_each($1) k CROSS JOIN txn h
		ON h.host_time = k.value ->> 0 AND h.host_stan = k.value ->> 1) ORDER BY id`,
	readLastSettled:     `SELECT id, settle_date FROM txn WHERE settle_date <> '' ORDER BY id DESC LIMIT 1`,
	readDiscrepancy:     selectDiscrepancy + `WHERE d.id = $1`,
	readDiscrepanciesOf: selectDiscrepancy + `WHERE d.txn = $1 AND d.txn > 0 ORDER BY d.id`,
	readDiscrepancies: selectDiscrepancy + `WHERE ($1 = 0 OR d.date = $1) AND ($2 = 1 OR r.discrepancy IS NULL) AND d.id > $3
		ORDER BY d.id LIMIT $4`,
	readPayout: `SELECT ` + payoutColumns + `, mac FROM payout WHERE txn = $1`,

	readPayoutsOf:  `SELECT ` + payoutColumns + `, mac FROM payout WHERE txn BETWEEN $1 AND $2`,
	readWorklistOf: selectDiscrepancy + `WHERE d.txn BETWEEN $1 AND $2 AND d.txn > 0 ORDER BY d.id`,

	readReportPayee:    `SELECT '', payee_id, max(card_version)` + reportSums + `payee_id ORDER BY payee_id`,
	readReportMerchant: `SELECT merchant, 0, 0` + reportSums + `merchant ORDER BY merchant`,
	readReportTerminal: `SELECT terminal, 0, 0` + reportSums + `terminal ORDER BY terminal`,
}
