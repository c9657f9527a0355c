// What the pages do beyond links and forms: say whether they are live, mark what changed, copy, a few keys.
// Every page is whole without it. No page text is ever read as code or as HTML here.
'use strict';

const root = document.documentElement;
const QUIET_MS = 15000; // the server says something every 5 s; after this long the figures may be old
const RETRY_MS = 4000;
let heard = performance.now();

function live(state) {
  root.dataset.live = state;
}

// ---- how far behind: the server's figure, and the time since it was heard
function tell() {
  const place = document.querySelector('#as-of .behind');
  if (!place || !root.dataset.live) return;
  const quiet = performance.now() - heard;
  if (root.dataset.live === 'on' && quiet > QUIET_MS) live('off');
  const words = 'not live for ' + Math.round(quiet / 1000) + ' s';
  if (root.dataset.live === 'off' && place.textContent !== words) place.textContent = words;
}

// ---- the stream: its state, another try where the first one was refused, a reload when the pages are newer
document.addEventListener('htmx:sse:after:connection', () => { heard = performance.now(); live('on'); });
document.addEventListener('htmx:sse:after:message', () => { heard = performance.now(); live('on'); });
document.addEventListener('htmx:sse:error', () => live('off'));
document.addEventListener('outdated', () => location.reload());
for (const failed of ['htmx:response:error', 'htmx:error']) {
  document.addEventListener(failed, (event) => {
    if (event.target?.id === 'order') return; // a form that quotes, not the stream
    live('off');
    const stream = document.getElementById('stream');
    if (stream && event.target === stream && !stream._htmx?.sse) setTimeout(() => stream.dispatchEvent(new Event('retry')), RETRY_MS);
  });
}

// ---- what changed: its row, entry or sum is marked for a moment
const MARKED = 'tr[id], li[id], .due, summary';
const marker = new MutationObserver((changes) => {
  for (const change of changes) {
    const node = change.target.nodeType === 1 ? change.target : change.target.parentElement;
    const added = [...change.addedNodes].find((one) => one.nodeType === 1 && one.matches(MARKED));
    const marked = added || node?.closest(MARKED);
    if (marked && marked.isConnected) marked.dataset.new = '';
  }
});
document.addEventListener('animationend', (event) => {
  if (event.target instanceof HTMLElement) delete event.target.dataset.new;
});

// ---- copying a command
function copied(button) {
  navigator.clipboard.writeText(button.dataset.copy).then(() => {
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  }, () => {});
}

// ---- keys: / finds, [ and ] go to the day or page before and after
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return;
  const found = { '/': '[data-key="/"]', '[': 'a[rel="prev"]', ']': 'a[rel="next"]' }[event.key];
  const target = found && document.querySelector(found);
  if (!target) return;
  event.preventDefault();
  if (target.matches('a')) location.assign(target.href);
  else target.focus();
}

document.addEventListener('DOMContentLoaded', () => {
  const main = document.getElementById('main');
  if (main) marker.observe(main, { subtree: true, childList: true, characterData: true });
  if (navigator.clipboard) {
    for (const button of document.querySelectorAll('.copy')) {
      button.hidden = false;
      button.addEventListener('click', () => copied(button));
    }
  }
  document.addEventListener('keydown', pressed);
  const again = document.querySelector('[data-again]');
  if (again) setTimeout(() => location.reload(), Number(again.dataset.again));
  setInterval(tell, 1000);
});
