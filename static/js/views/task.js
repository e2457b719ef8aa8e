import { html } from "/openattic/vendor/lit-html/lit-html.js";
export function taskView(open, state, act) {
  return html`<h1 id="task-title" tabindex="-1">${open.task?.description ?? open.id}</h1><button @click=${act.closeTask}>Back to the list</button>`;
}
