/** Shows desktop notifications of tasks that ended. If the browser does not support them, nothing happens. */

import { isolated } from "../text/bidi.js";
import { endedSummary, endedTitle, someNames } from "../text/sentences.js";

const ICON = "/openattic/static/img/hourglass.svg";

/** Returns "granted", "denied", "default" (not asked yet), "insecure" (the page's address is not secure) or "unsupported". */
export function permission() {
  if (!("Notification" in globalThis)) return "unsupported";
  return globalThis.isSecureContext ? Notification.permission : "insecure";
}

/** Returns whether notifications can be switched on, now or after asking. */
export function canNotify() {
  return ["granted", "default"].includes(permission());
}

/** Asks the person for permission, which browsers allow only on a click. Returns the same as `permission`. */
export async function askPermission() {
  if (permission() === "default") await Notification.requestPermission();
  return permission();
}

/** Shows one notification for all the tasks, unless the person is looking at the page. A click brings the window to the front
 * and calls `onClick` with the id of a single task, or null for several. */
export function notifyEnded(tasks, onClick) {
  if (tasks.length === 0 || permission() !== "granted" || document.hasFocus()) return;
  const notification = shown(title(tasks), { body: body(tasks), tag: "hourglass", icon: ICON });
  if (notification === null) return;
  notification.onclick = () => {
    notification.close();
    window.focus();
    onClick(tasks.length === 1 ? tasks[0].id : null);
  };
}

/** Returns the notification, or null on systems where only a service worker may show one. */
function shown(title, options) {
  try {
    return new Notification(title, options);
  } catch {
    return null;
  }
}

function title(tasks) {
  if (tasks.length === 1) return endedTitle(tasks[0].status, 1, [tasks[0].description]);
  return endedSummary(counts(tasks));
}

function counts(tasks) {
  const result = {};
  for (const { status } of tasks) result[status] = (result[status] ?? 0) + 1;
  return result;
}

function body(tasks) {
  return tasks.length === 1 ? `${isolated(tasks[0].outcome)} (#${tasks[0].id})` : someNames(tasks.length, tasks.map((task) => task.description));
}
