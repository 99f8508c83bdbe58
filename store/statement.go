package store

// The texts of every write; query.go has those of the reads. Parameters are $1, $2 ... numbered in the order in which they first appear,
// which is what both SQLite and PostgreSQL understand alike. No write can fail for what the rows hold: it conflicts with
// nothing, or does nothing. Those that go with an Open or a Move have no guard of their own: they are carried out when
// writeOpen or writeMove has written its row, in the same transaction.

// statement names a write.
type statement int

// The writes.
const (
	writeOpen statement = iota
	writeMove
	writeStep
	writeNotice
	writeWithdrawnStep
	writeWithdrawn
	writeReversal
	writeSpent
	writeFinished
	writeReschedule
	writeTerminal
	writeSession
	writeBlock
	writeUnblock
	writeKnown
	writeEndedKeys
	writeAlarm
	writeAlarmsSeen
	writePayee
	writePayeeCard
	writePayeeStatus
	writeZoneKey
	writeDataKey
	writeProof
	writeHead
	writeOperation
	writeOperationEnd
	writeRequest
	writeApproved

	writeNewPayee
	writeChangedPayee
	writeBoundCard
	writeContact
	writeNoContact
	writeMessage
	writeEnrolmentMessage
	writeEnrolment
	writeEnrolmentMove
	writeEnrolmentStep
	writeUse
	writeForgiven
	writeNoticeMove
	writeNoticeStep
	writeOldMessages
	writeOldUses
	writeOldLines
	writeEnrolmentGone
	writeEnrolmentStepsGone
	writeNoticesGone
	writeNoticeStepsGone
	writeNoticeHistoryGone
	writeOldNoticeSteps
	writeCardsGone
	writePayeeGone
	writePayeeKey
	writeCardKey
	writeContactKey
	writeEnrolmentKey
	writeEnrolmentDue
	writeKeyGone
	writeShredded

	writeBatch
	writeBatchClosed
	writeBatchOpen
	writeBatchLine
	writeBatchLinesGone
	writeHeard
	writeSettlement
	writeSettlementMove
	writeLine
	writeLinesGone
	writeDiscrepancy
	writeResolution
	writePayout
)

// The columns of txn and step in the order in which their cells are written, read and hashed.
const (
	// fixedColumns are what no move changes.
	fixedColumns = `id, biz_date, merchant, terminal, batch, stan, amount, payee_id, card_version, entry_mode, card_seq,
		token, host_time, host_stan, opened, key_id, sealed`
	movedColumns = `version, state, deadline, answered, code, auth_code, settle_date, host_text, host_code, undo_wanted,
		confirmed, exception`
	stepColumns = `txn, version, at, from_state, to_state, event, detail, made, fixed_sum, moved_sum`
	// noticeColumns are in the order of noticeCells.
	noticeColumns = `txn, kind, copy, created, state, fixed, turn, device, lane, tries, start, due, sent, receipt, detail, revision,
		key_id, sealed, mac`
	noticeStepColumns = `txn, kind, copy, revision, at, device, try, state, detail, reference`
	// enrolmentColumns are in the order of enrolmentCells.
	enrolmentColumns = `id, version, kind, state, channel, number_index, new_index, sender_index, payee_id, opened, changed, due,
		key_id, sealed`
	// batchColumns are in the order of batchCells; the first four are the key.
	batchColumns = `terminal, merchant, batch, biz_date, version, state, stan, domestic_debits, domestic_debited, domestic_credits,
		domestic_credited, foreign_debits, foreign_debited, foreign_credits, foreign_credited, our_debits, our_debited, domestic_agrees,
		foreign_agrees, whole, signed, at, reference, closed`
)

// operationColumns are those of operation that its hash covers, in the order in which they are written, read and hashed.
const operationColumns = `seq, at, operator, account, uid, verb, object, outcome, detail, about`

// writes are the texts, by statement.
var writes = [...]string{
	// The day before is asked here, in the statement that inserts; the day itself is what the unique indexes guard.
	writeOpen: `INSERT INTO txn (` + fixedColumns + `, ` + movedColumns + `)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
		$24, $25, $26, $27, $28, $29
		WHERE NOT EXISTS (SELECT 1 FROM txn WHERE biz_date = $30 AND merchant = $3 AND terminal = $4 AND batch = $5 AND stan = $6)
		AND NOT EXISTS (SELECT 1 FROM txn WHERE biz_date = $30 AND token = $12 AND state <> 1)
		ON CONFLICT DO NOTHING`,
	// No column of an index is set but state, so that a move costs no more than its row.
	writeMove: `UPDATE txn SET version = $1, state = $2, deadline = $3, answered = $4, code = $5, auth_code = $6,
		settle_date = $7, host_text = $8, host_code = $9, undo_wanted = $10, confirmed = $11, exception = $12
		WHERE id = $13 AND version = $14`,
	writeStep: `INSERT INTO step (` + stepColumns + `, chain, seq, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`,
	writeNotice: `INSERT INTO outbox (` + noticeColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) ON CONFLICT DO NOTHING`,
	// Told before the row says it, for whether it still waits is asked here.
	writeWithdrawnStep: `INSERT INTO outbox_step (` + noticeStepColumns + `)
		SELECT txn, kind, copy, revision + 1, $1, device, 0, 4, 'the debit is undone', '' FROM outbox
		WHERE txn = $2 AND kind = $3 AND copy = 0 AND state = 0 ON CONFLICT DO NOTHING`,
	writeWithdrawn: `UPDATE outbox SET state = 4 WHERE txn = $1 AND kind = $2 AND copy = 0 AND state = 0`,
	writeReversal: `INSERT INTO saf (id, txn, host_time, host_stan, reason, tries, due, host_code, mac)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
	writeSpent: `INSERT INTO spent (biz_date, id) VALUES ($1, $2)
		ON CONFLICT (biz_date) DO UPDATE SET id = excluded.id WHERE excluded.id > spent.id`,
	writeFinished: `DELETE FROM saf WHERE id = $1`,
	// What is replaced is the end from which the batch's hashes began.
	writeHead: `UPDATE chain SET seq = $1, txn = $2, version = $3, hash = $4, mac = $5 WHERE id = $6 AND seq = $7 AND hash = $8`,

	writeReschedule: `UPDATE saf SET tries = $1, due = $2, host_code = $3, mac = $4 WHERE id = $5`,

	writeTerminal: `INSERT INTO terminal (id, merchant, line, blocked, mac, single_mak, single_des, sm4, keyed_entry, tmk,
		batch, signed_on, pik, mak, tdk, old_mak, since)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING`,
	// A session that a block has ended stays as it is.
	writeSession: `UPDATE terminal SET batch = $1, signed_on = $2, pik = $3, mak = $4, tdk = $5, old_mak = $6, since = $7,
		ended = $8, closed = $9 WHERE id = $10 AND blocked = 0`,
	// Block and session in one statement: nobody sees one without the other. Of the keys the MAK stays, and the one
	// before it while messages under it may be in flight.
	writeBlock: `UPDATE terminal SET blocked = 1, pik = NULL, tdk = NULL, signed_on = 0,
		old_mak = CASE WHEN since > $1 THEN old_mak END, ended = CASE WHEN signed_on = 1 THEN $2 ELSE ended END WHERE id = $3`,
	writeUnblock:   `UPDATE terminal SET blocked = 0 WHERE id = $1`,
	writeKnown:     `UPDATE terminal SET blocked = blocked WHERE id = $1`, // is there such a terminal?
	writeEndedKeys: `UPDATE terminal SET mak = NULL, old_mak = NULL, ended = 0 WHERE id = $1 AND ended = $2`,
	writeAlarm: `INSERT INTO alarm (terminal, kind, first, last, count) VALUES ($1, $2, $3, $3, $4)
		ON CONFLICT (terminal, kind) DO UPDATE SET last = excluded.last, count = alarm.count + excluded.count`,
	writeAlarmsSeen: `DELETE FROM alarm WHERE terminal = $1`,

	writePayee: `INSERT INTO payee (id, number_index, card_version, status, key_id, sealed, alive, ended, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 1) ON CONFLICT DO NOTHING`,
	writePayeeCard: `INSERT INTO payee_card (payee_id, version, key_id, sealed) SELECT $1, $2, $3, $4
		WHERE EXISTS (SELECT 1 FROM payee WHERE id = $1 AND number_index = $5) ON CONFLICT DO NOTHING`,
	writePayeeStatus: `UPDATE payee SET status = $1, revision = revision + 1 WHERE id = $2`,

	writeZoneKey: `INSERT INTO zone_key (usage, block) VALUES ($1, $2)
		ON CONFLICT (usage) DO UPDATE SET block = excluded.block`,
	writeDataKey: `INSERT INTO data_key (id, wrapped) SELECT $1, $2
		WHERE NOT EXISTS (SELECT 1 FROM shredded WHERE id = $1) ON CONFLICT DO NOTHING`,
	writeProof: `INSERT INTO vault (id, proof, secret) VALUES (1, $1, $2) ON CONFLICT DO NOTHING`,

	// Payees that enrolments make and change. The enrolment must still be as it was read; id 0 is none.
	writeNewPayee: `INSERT INTO payee (id, number_index, card_version, status, key_id, sealed, alive, ended, revision)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, 1
		WHERE $9 = 0 OR EXISTS (SELECT 1 FROM enrolment WHERE id = $9 AND version = $10) ON CONFLICT DO NOTHING`,
	writeChangedPayee: `UPDATE payee SET number_index = $1, card_version = $2, status = $3, key_id = $4, sealed = $5, alive = $6,
		ended = $7, revision = revision + 1
		WHERE id = $8 AND revision = $9 AND NOT EXISTS (SELECT 1 FROM payee o WHERE o.number_index = $1 AND o.id <> $8)
		AND ($10 = 0 OR EXISTS (SELECT 1 FROM enrolment WHERE id = $10 AND version = $11))`,
	writeBoundCard: `INSERT INTO payee_card (payee_id, version, key_id, sealed) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
	writeContact: `INSERT INTO payee_contact (payee_id, key_id, sealed) VALUES ($1, $2, $3)
		ON CONFLICT (payee_id) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed`,
	writeNoContact: `DELETE FROM payee_contact WHERE payee_id = $1`,

	writeMessage: `INSERT INTO message (id, at, kind, outcome, language, silent, reasons, effective)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
	// The same, unless the id that the enrolment is to have is taken.
	writeEnrolmentMessage: `INSERT INTO message (id, at, kind, outcome, language, silent, reasons, effective)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE NOT EXISTS (SELECT 1 FROM enrolment WHERE id = $9) ON CONFLICT DO NOTHING`,
	writeEnrolment: `INSERT INTO enrolment (` + enrolmentColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING`,
	writeEnrolmentMove: `UPDATE enrolment SET version = $1, kind = $2, state = $3, channel = $4, number_index = $5, new_index = $6,
		sender_index = $7, payee_id = $8, opened = $9, changed = $10, due = $11, key_id = $12, sealed = $13
		WHERE id = $14 AND version = $15`,
	writeEnrolmentStep: `INSERT INTO enrolment_step (enrolment, version, at, from_state, to_state, event, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,

	writeUse: `INSERT INTO quota (scope, subject, ends, last, used) VALUES ($1, $2, $3, $4, 1)
		ON CONFLICT (scope, subject) DO UPDATE SET used = CASE WHEN quota.ends <= $4 THEN 1 ELSE quota.used + 1 END,
		ends = CASE WHEN quota.ends <= $4 THEN $3 ELSE quota.ends END, last = $4
		WHERE quota.ends <= $4 OR quota.used < $5 AND quota.last + $6 <= $4`,
	writeForgiven: `DELETE FROM quota WHERE scope = $1 AND subject = $2`,

	writeNoticeMove: `UPDATE outbox SET created = $1, state = $2, fixed = $3, turn = $4, device = $5, lane = $6, tries = $7, start = $8,
		due = $9, sent = $10, receipt = $11, detail = $12, revision = $13, key_id = $14, sealed = $15, mac = $16
		WHERE txn = $17 AND kind = $18 AND copy = $19 AND revision = $20 AND state = $21`,

	writeNoticeStep: `INSERT INTO outbox_step (` + noticeStepColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT DO NOTHING`,

	// What is too old.
	writeOldMessages: `DELETE FROM message WHERE id IN (SELECT id FROM message WHERE at < $1 ORDER BY at LIMIT $2)`,
	writeOldLines: `DELETE FROM clearing_line WHERE (date, number) IN (SELECT l.date, l.number FROM shredded s JOIN clearing_line l ON l.date = s.id
		WHERE s.at <= $1 AND NOT EXISTS (SELECT 1 FROM txn t JOIN data_key k ON k.id = t.key_id WHERE t.id = l.txn) LIMIT $2)`,
	writeOldUses:            `DELETE FROM quota WHERE (scope, subject) IN (SELECT scope, subject FROM quota WHERE ends <= $1 ORDER BY ends LIMIT $2)`,
	writeEnrolmentGone:      `DELETE FROM enrolment WHERE id = $1 AND due = 0`,
	writeEnrolmentStepsGone: `DELETE FROM enrolment_step WHERE enrolment = $1`,
	writeNoticesGone:        `DELETE FROM outbox WHERE txn = $1`,
	writeNoticeStepsGone:    `DELETE FROM outbox_step WHERE txn = $1`,
	writeNoticeHistoryGone:  `DELETE FROM outbox_step WHERE txn = $1 AND kind = $2 AND copy = $3`,
	writeOldNoticeSteps: `DELETE FROM outbox_step WHERE (txn, kind, copy, revision) IN (SELECT txn, kind, copy, revision FROM outbox_step
		WHERE txn BETWEEN $1 AND $2 AND at < $3 LIMIT $4)`,
	writePayeeGone: `DELETE FROM payee WHERE id = $1 AND status = 4 AND ended < $2`,
	writeCardsGone: `DELETE FROM payee_card WHERE payee_id = $1`,

	// The same content under another key, of a row that has not changed meanwhile.
	writePayeeKey:     `UPDATE payee SET key_id = $1, sealed = $2 WHERE id = $3 AND key_id = $4 AND revision = $5`,
	writeCardKey:      `UPDATE payee_card SET key_id = $1, sealed = $2 WHERE payee_id = $3 AND version = $4 AND key_id = $5`,
	writeContactKey:   `UPDATE payee_contact SET key_id = $1, sealed = $2 WHERE payee_id = $3 AND key_id = $4`,
	writeEnrolmentKey: `UPDATE enrolment SET key_id = $1, sealed = $2 WHERE id = $3 AND key_id = $4 AND version = $5`,
	writeEnrolmentDue: `UPDATE enrolment SET due = $1 WHERE id = $2 AND version = $3 AND due > 0`,
	// Nothing that is still wanted may be under the key that goes.
	writeKeyGone: `DELETE FROM data_key WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM payee WHERE key_id = $1)
		AND NOT EXISTS (SELECT 1 FROM payee_card WHERE key_id = $1) AND NOT EXISTS (SELECT 1 FROM payee_contact WHERE key_id = $1)
		AND NOT EXISTS (SELECT 1 FROM enrolment WHERE key_id = $1) AND NOT EXISTS (SELECT 1 FROM outbox WHERE key_id = $1)
		AND NOT EXISTS (SELECT 1 FROM request WHERE key_id = $1 AND closed = 0)
		AND NOT EXISTS (SELECT 1 FROM txn WHERE state IN (2, 4) AND key_id = $1) -- the 0420 of a debit carries its card
		AND NOT EXISTS (SELECT 1 FROM txn WHERE biz_date = $1 AND state IN (7, 8) AND key_id = $1 -- its payee is still to be paid
			AND exception NOT IN ('closed: no-payout', 'closed: refunded'))
		AND NOT EXISTS (SELECT 1 FROM discrepancy d JOIN txn t ON t.id = d.txn WHERE t.key_id = $1
			AND NOT EXISTS (SELECT 1 FROM resolution r WHERE r.discrepancy = d.id))`,
	writeShredded: `INSERT INTO shredded (id, at, mac) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,

	writeSettlement: `INSERT INTO settlement (` + settlementColumns + `, mac)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
		ON CONFLICT DO NOTHING`,
	writeSettlementMove: `UPDATE settlement SET version = $1, stage = $2, asked = $3, ended = $4, note = $5, cut_off = $6, file = $7,
		hash = $8, lines = $9, our_debits = $10, our_debit_sum = $11, our_reversals = $12, our_reversal_sum = $13, their_debits = $14,
		their_debit_sum = $15, their_reversals = $16, their_reversal_sum = $17, staged = $18, whole = $19, balance = $20,
		mac = $21 WHERE date = $22 AND version = $23`,
	writeLine:      `INSERT INTO clearing_line (date, number, kind, txn, amount) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
	writeLinesGone: `DELETE FROM clearing_line WHERE date = $1`,
	// The next number is given in the statement that inserts: there is one writer at a time.
	writeDiscrepancy: `INSERT INTO discrepancy (id, ` + discrepancyColumns + `, mac)
		SELECT 1 + coalesce((SELECT max(id) FROM discrepancy), 0), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
		WHERE NOT EXISTS (SELECT 1 FROM discrepancy WHERE kind = $1 AND date = $2 AND subject = $3) ON CONFLICT DO NOTHING`,
	writeResolution: `INSERT INTO resolution (` + resolutionColumns + `, mac) SELECT $1, $2, $3, $4, $5, $6, $7, $8
		WHERE EXISTS (SELECT 1 FROM discrepancy WHERE id = $1 AND subject = $2) ON CONFLICT DO NOTHING`,
	writePayout: `INSERT INTO payout (` + payoutColumns + `, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (txn) DO UPDATE SET state = excluded.state, card_version = excluded.card_version, attempt = excluded.attempt,
		host_time = excluded.host_time, host_stan = excluded.host_stan, code = excluded.code, at = excluded.at, mac = excluded.mac`,

	writeOperation: `INSERT INTO operation (` + operationColumns + `, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
	writeOperationEnd: `UPDATE operation_end SET seq = $1, hash = $2, mac = $3 WHERE id = 1`,
	// A request is sealed for the number that its line will have: when another line was first, it is sealed again.
	writeRequest: `INSERT INTO request (id, closed, key_id, sealed) SELECT $1, 0, $2, $3
		WHERE EXISTS (SELECT 1 FROM operation_end WHERE seq + 1 = $1) ON CONFLICT DO NOTHING`,
	// A request that a line approved stays closed, whatever its row says.
	writeApproved: `UPDATE request SET closed = (SELECT seq + 1 FROM operation_end WHERE id = 1) WHERE id = $1 AND closed = 0
		AND NOT EXISTS (SELECT 1 FROM operation WHERE about = $1 AND outcome = 'approved')`,

	writeBatch: `INSERT INTO terminal_batch (` + batchColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
		ON CONFLICT (terminal, merchant, batch, biz_date) DO UPDATE SET version = $5, state = $6, stan = $7, domestic_debits = $8,
		domestic_debited = $9, domestic_credits = $10, domestic_credited = $11, foreign_debits = $12, foreign_debited = $13,
		foreign_credits = $14, foreign_credited = $15, our_debits = $16, our_debited = $17, domestic_agrees = $18, foreign_agrees = $19,
		whole = $20, signed = $21, at = $22, reference = $23, closed = $24 WHERE terminal_batch.version = $5 - 1`,
	writeBatchClosed: `UPDATE terminal SET closed = 1 WHERE id = $1 AND batch = $2`,
	// Is its upload still open?
	writeBatchOpen: `UPDATE terminal_batch SET state = state WHERE terminal = $1 AND merchant = $2 AND batch = $3 AND biz_date = $4
		AND version = $5 AND state = 1`,
	writeBatchLine: `INSERT INTO batch_line (terminal, merchant, batch, biz_date, stan, amount, verdict, txn)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
	writeBatchLinesGone: `DELETE FROM batch_line WHERE terminal = $1 AND merchant = $2 AND batch = $3 AND biz_date = $4`,
	writeHeard:          `INSERT INTO witness (terminal, at) VALUES ($1, $2) ON CONFLICT (terminal) DO UPDATE SET at = excluded.at`,
}
