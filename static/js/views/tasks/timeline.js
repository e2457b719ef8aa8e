/** The time line of a task: moments since its creation, and the periods between them. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";
import { timeline } from "../../state/tasks/timeline.js";
import { duration, fullMoment, moment } from "../../text/format.js";
import { RUNNING } from "../../text/statuses.js";
import { statusIcon, statusTone } from "./status.js";

const LOOKS = {
  created: { icon: "bi-plus-circle", tone: "waiting" },
  waited: { icon: "bi-clock", tone: "waiting" },
  started: { icon: statusIcon(RUNNING), tone: statusTone(RUNNING) },
  interrupted: { icon: "bi-pause-circle-fill", tone: "amber" },
  resumed: { icon: "bi-arrow-clockwise", tone: statusTone(RUNNING) },
  running: { icon: "bi-three-dots", tone: statusTone(RUNNING) },
  stopping: { icon: "bi-hourglass-split", tone: "amber" },
};

export function timelineView({ task, interruptions, rounds }, now) {
  const events = timeline(task, interruptions, rounds);
  return html`<ol class="timeline">${events.map((event) => eventView(event, task, now))}</ol>`;
}

function eventView(event, task, now) {
  const { icon, tone } = LOOKS[event.kind] ?? { icon: statusIcon(task.status), tone: statusTone(task.status) };
  const took = tookText(event);
  return html`
    <li class=${`tone-${tone}`} data-kind=${event.kind}>
      <i class=${`bi ${icon} tone-text`} aria-hidden="true"></i>
      <span class="timeline-text">${event.text}${took ? html` <span class="muted">${took}</span>` : nothing}</span>
      ${event.at === null ? nothing : exactTime(event.at, now)}
    </li>
  `;
}

function tookText({ kind, seconds }) {
  if (seconds === undefined) return "";
  if (kind === "ended") return `took ${duration(seconds)} in all`;
  return kind === "resumed" ? `after ${duration(seconds)}` : duration(seconds);
}

/** Draws the time of day, which says more than `2 minutes ago` if there are many moments to tell apart. */
export function exactTime(at, now) {
  return html`<time class="exact-time" datetime=${at} title=${fullMoment(at)}>${moment(at, now)}</time>`;
}
