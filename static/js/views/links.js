/** Links to what the page itself shows: they bear an address, so that they can be copied and opened in a new tab. */

import { html } from "/openattic/vendor/lit-html/lit-html.js";

/** Goes there without loading the page anew, unless the person asked for another tab or window. */
export function plainClick(go) {
  return (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go();
  };
}

export function taskLink(id, content, act, className = "") {
  return html`<a class=${className} href=${`?task=${id}`} @click=${plainClick(() => act.openTask(id))}>${content}</a>`;
}

export function tabLink(tab, content, act, className = "") {
  return html`<a class=${className} href=${`?tab=${tab}`} @click=${plainClick(() => act.openTab(tab))}>${content}</a>`;
}
