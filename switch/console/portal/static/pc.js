// Shows notices as they come, sorted by the number of who paid, and tells the switch which it shows. A notice may come
// more than once: its id is the same.
'use strict';
(() => {
  const box = document.getElementById('stream');
  if (!box) return;
  const words = JSON.parse(box.dataset.words);
  const byId = (id) => document.getElementById(id);
  const connection = byId('connection'), payers = byId('payers'), button = byId('notify'), notified = byId('notified');
  const shown = new Set(), groups = new Map();
  const yuan = (fen) => '¥' + Math.floor(fen / 100) + '.' + String(fen % 100).padStart(2, '0');
  const when = (at) => new Date(at).toLocaleString('sv-SE', { timeZone: 'Asia/Shanghai' }).slice(0, 16);

  function element(name, kind, text) {
    const e = document.createElement(name);
    if (kind) e.className = kind;
    if (text) e.textContent = text;
    return e;
  }

  function group(payer) {
    if (groups.has(payer)) return groups.get(payer);
    const g = { section: element('section', 'payer'), list: element('ul', 'lines'), sum: element('span', 'figures sum'), fen: 0, count: 0 };
    const heading = element('h3');
    heading.append(element('span', payer ? 'figures' : '', payer ? words['pc.from'] + ' ' + payer : words['pc.other']), ' ', g.sum);
    g.section.append(heading, g.list);
    groups.set(payer, g);
    return g;
  }

  function show(n) {
    byId('empty').hidden = true;
    const g = group(n.payer || '');
    const line = element('li');
    line.dataset.id = n.id;
    line.append(element('span', 'figures when', when(n.at)), element('span', 'what', n.text));
    if (n.payer) {
      g.fen += n.amount_fen || 0;
      g.count++;
      g.sum.textContent = yuan(g.fen) + ' · ' + g.count + ' ' + words['pc.count'];
      line.append(element('span', 'figures amount', yuan(n.amount_fen || 0)));
    }
    g.list.prepend(line);
    payers.prepend(g.section);
    if (document.hidden && 'Notification' in window && Notification.permission === 'granted') {
      new Notification(n.subject, { body: n.text, tag: n.id });
    }
  }

  function say(key, lit) {
    connection.textContent = words[key];
    box.classList.toggle('lit', lit);
  }

  function listen() {
    const source = new EventSource('/pc/events');
    source.onopen = () => say('pc.on', true);
    source.onerror = () => {
      const ended = source.readyState === EventSource.CLOSED;
      say(ended ? 'pc.lost' : 'pc.off', false);
      if (ended) setTimeout(listen, 30000);
    };
    source.addEventListener('notice', (e) => {
      const n = JSON.parse(e.data);
      if (!shown.has(n.id)) {
        shown.add(n.id);
        show(n);
      }
      fetch('/pc/ack', { method: 'POST', body: new URLSearchParams({ id: n.id, ack: box.dataset.ack }) }).catch(() => {});
    });
  }

  function permission() {
    const p = Notification.permission;
    button.hidden = p !== 'default';
    notified.textContent = p === 'granted' ? words['pc.allowed'] : p === 'denied' ? words['pc.denied'] : '';
  }

  if ('Notification' in window && window.isSecureContext) {
    permission();
    button.addEventListener('click', () => Notification.requestPermission().then(permission));
  }
  listen();
})();
