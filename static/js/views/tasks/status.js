/** A status as an icon, a word and a tone: never as a colour alone. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { isolated } from "../../text/bidi.js";
import { moment } from "../../text/format.js";
import { roundText, underWayText, waitingText } from "../../text/sentences.js";
import { ABORTED, EXCEPTION, FINISHED, NOT_STARTED, RUNNING, isFailed } from "../../text/statuses.js";

const LOOKS = {
  [NOT_STARTED]: { icon: "bi-clock", tone: "waiting" },
  [RUNNING]: { icon: "bi-play-circle-fill", tone: "running" },
  [FINISHED]: { icon: "bi-check-circle-fill", tone: "finished" },
  [EXCEPTION]: { icon: "bi-x-circle-fill", tone: "exception" },
  [ABORTED]: { icon: "bi-stop-circle-fill", tone: "aborted" },
};

export function statusIcon(status) {
  return LOOKS[status].icon;
}

export function statusTone(status) {
  return LOOKS[status].tone;
}

/** Draws the line below a task's name. */
export function statusLine(task, tab, now) {
  const { icon, word, tone, text } = look(task, tab, now);
  return html`
    <div class=${`status-line tone-${tone}`}>
      <span class="tone-text status-word"><i class=${`bi ${icon}`} aria-hidden="true"></i> ${word}</span>
      ${text ? html`<span class="status-text" title=${text}>${text}</span>` : nothing}
    </div>
  `;
}

function look(task, tab, now) {
  const plain = { ...LOOKS[task.status], word: task.status, text: "" };
  if (task.gone) return { icon: "bi-trash3", word: task.gone, tone: "waiting", text: "" };
  if (task.stopping) return { ...plain, tone: "amber", icon: "bi-hourglass-split", text: "finishing its last round" };
  if (task.status === RUNNING) return running(task, plain, now);
  if (task.status === NOT_STARTED) return waiting(task, plain, now);
  return { ...plain, text: isFailed(task.status) && tab !== "failed" ? task.outcome : "" };
}

function running(task, plain, now) {
  if (task.stalled) {
    const since = `no progress since ${moment(task.last_modified, now)}`;
    return { ...plain, tone: "amber", icon: "bi-exclamation-circle-fill", text: joined(underWayText(task), since) };
  }
  return { ...plain, text: joined(underWayText(task), isolated(task.message)) };
}

function waiting(task, plain, now) {
  if (task.interruptions > 0) {
    const text = task.round ? `interrupted, resumes after ${roundText(task)}` : "interrupted, starts over";
    return { ...plain, tone: "amber", icon: "bi-arrow-clockwise", text };
  }
  return { ...plain, text: waitingText(task, now) };
}

function joined(...texts) {
  return texts.filter(Boolean).join(" · ");
}
