// What an order form does beyond its fields: its list is put in order by hand or keys, its address follows what is filled
// in, and what is wrong is said of the field. The form is whole without it. No page text is read as code or as HTML here.
'use strict';

const order = document.getElementById('order');
const listed = document.getElementById('listed');
const others = document.getElementById('others');

// ---- the list: what a row's buttons, keys and handle do; then the form is quoted again
function rows() {
  return [...listed.querySelectorAll('.rank')];
}

function announce(row) {
  const at = rows().indexOf(row);
  const words = at < 0 ? 'not in this plan' : `${at + 1} of ${rows().length}`;
  document.getElementById('moved').textContent = `${row.dataset.name}: ${words}`;
  order.dispatchEvent(new Event('reordered'));
}

function put(row, what) {
  if (what === 'up' && row.previousElementSibling) row.previousElementSibling.before(row);
  if (what === 'down' && row.nextElementSibling) row.nextElementSibling.after(row);
  if (what === 'in' || what === 'out') {
    (what === 'in' ? listed : others).append(row);
    row.querySelector('input').disabled = what === 'out';
  }
  announce(row);
}

function clicked(event) {
  const button = event.target.closest('button[name="move"]');
  const row = button?.closest('.rank');
  if (!row) return;
  event.preventDefault();
  put(row, button.value.slice(0, button.value.indexOf(':')));
  const seen = [button, ...row.querySelectorAll('button')].find((one) => getComputedStyle(one).visibility !== 'hidden' && one.offsetParent);
  seen?.focus();
}

function pressed(event) {
  const grip = event.target.closest('.grip');
  const what = { ArrowUp: 'up', ArrowDown: 'down' }[event.key];
  if (!grip || !what) return;
  event.preventDefault();
  put(grip.closest('.rank'), what);
  grip.focus();
}

// ---- dragging by the handle, with a mouse, a pen or a finger
let dragged = null;

function grabbed(event) {
  const grip = event.target.closest('.grip');
  if (!grip || event.button) return;
  event.preventDefault();
  grip.focus();
  dragged = grip.closest('.rank');
  dragged.classList.add('dragged');
  grip.setPointerCapture(event.pointerId);
}

function dragging(event) {
  if (!dragged) return;
  const after = rows().find((row) => row !== dragged && event.clientY < row.getBoundingClientRect().top + row.offsetHeight / 2);
  if (after ? after.previousElementSibling !== dragged : listed.lastElementChild !== dragged) listed.insertBefore(dragged, after || null);
}

function dropped() {
  if (!dragged) return;
  dragged.classList.remove('dragged');
  announce(dragged);
  dragged = null;
}

document.documentElement.classList.add('scripted-forms');
if (listed) {
  for (const grip of order.querySelectorAll('.grip')) grip.hidden = false;
  order.addEventListener('click', clicked);
  order.addEventListener('keydown', pressed);
  listed.addEventListener('pointerdown', grabbed);
  listed.addEventListener('pointermove', dragging);
  for (const end of ['pointerup', 'pointercancel']) listed.addEventListener(end, dropped);
}

// ---- the quote has come: the address is that of the form as it is now, and fields say whether they are wrong
document.addEventListener('htmx:after:swap', () => {
  const there = document.getElementById('quote')?.dataset.address;
  if (there) history.replaceState(null, '', there);
  for (const field of order.querySelectorAll('[aria-describedby]')) {
    const problem = field.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id)).find((one) => one?.matches('.problem-line'));
    if (problem?.childElementCount) field.setAttribute('aria-invalid', 'true');
    else field.removeAttribute('aria-invalid');
  }
});
