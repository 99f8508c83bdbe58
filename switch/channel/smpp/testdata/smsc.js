// A short message centre made of the npm package smpp: events go out as JSON lines, orders come in as JSON lines.
// Usage: node smsc.js PORT PATH-OF-THE-PACKAGE
const smpp = require(process.argv[3]);
const mode = { throttle: 0, refuse: false, receipts: true, mute: false };
let session, serial = 0;
const long = {}; // parts of what was submitted, by receiver and reference
const say = (event, more) => console.log(JSON.stringify({ event, ...more }));
const textOf = (pdu) => pdu.short_message.message;

function submitted(pdu) {
  if (mode.mute) return;
  if (mode.throttle-- > 0) {
    say('throttled');
    return session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
  }
  const id = 'n' + ++serial, udh = pdu.short_message.udh;
  session.send(pdu.response({ message_id: id }));
  if (!udh) {
    say('message', { to: pdu.destination_addr, from: pdu.source_addr, text: textOf(pdu), parts: 1, ids: [id] });
  } else {
    const [, , ref, total, seq] = udh[0], key = pdu.destination_addr + '/' + ref;
    const m = long[key] = long[key] || { texts: [], ids: [] };
    m.texts[seq - 1] = textOf(pdu);
    m.ids[seq - 1] = id;
    if (Object.keys(m.texts).length === total) {
      delete long[key];
      say('message', { to: pdu.destination_addr, from: pdu.source_addr, text: m.texts.join(''), parts: total, ids: m.ids, ref });
    }
  }
  if (mode.receipts && pdu.registered_delivery) {
    session.deliver_sm({ source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
      receipted_message_id: id, message_state: 2,
      short_message: 'id:' + id + ' sub:001 dlvrd:001 submit date:2611241200 done date:2611241201 stat:DELIVRD err:000 text:' },
    (r) => say('receipt-answer', { id, status: r.command_status }));
  }
}

const server = smpp.createServer((s) => {
  s.on('error', (e) => say('error', { text: String(e) }));
  s.on('bind_transceiver', (pdu) => {
    if (mode.refuse || pdu.password !== 'pw-1234') return s.send(pdu.response({ command_status: smpp.ESME_RBINDFAIL }), () => s.close());
    session = s;
    s.send(pdu.response());
    say('bound', { text: pdu.system_id });
  });
  s.on('submit_sm', submitted);
  s.on('enquire_link', (pdu) => { s.send(pdu.response()); say('enquire'); });
  s.on('unbind', (pdu) => { s.send(pdu.response()); say('unbind'); s.close(); });
});

const orders = {
  mode: (o) => Object.assign(mode, o.set),
  deliver: (o) => o.parts.map((m) => o.raw ? Buffer.from(m, 'hex') : m).forEach((message, i, all) => session.deliver_sm({
    source_addr: o.from, destination_addr: '10690000', data_coding: 'coding' in o ? o.coding : 8,
    short_message: all.length === 1 ? { message } : { udh: Buffer.from([5, 0, 3, o.ref, all.length, i + 1]), message } },
  (r) => say('answer', { part: i + 1, status: r.command_status }))),
  enquire: () => session.enquire_link({}, (r) => say('enquire-answer', { status: r.command_status })),
  unbind: () => session.unbind({}, (r) => { say('unbind-answer', { status: r.command_status }); session.close(); }),
};
require('readline').createInterface({ input: process.stdin }).on('line', (line) => { const o = JSON.parse(line); orders[o.order](o); })
  .on('close', () => process.exit(0));
server.listen(+process.argv[2], '127.0.0.1', () => say('listening', { port: server.address().port }));
