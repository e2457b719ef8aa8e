/** Loads what the state needs from the server. */

import { serveChoices } from "./choices.js";
import { serveOpen, serveRounds, serveWaiting, watchOpen } from "./open_task.js";
import { serveStart } from "./start_form.js";
import { serveFailures, serveLists } from "./task_lists.js";

/** Needs of the page, whichever view is open. */
const ALWAYS = [serveFailures, serveLists, serveOpen, serveWaiting, serveStart, serveChoices];

/**
 * Returns `serve`, to be called whenever the state may have changed, and `forgetWatched`, to be called when a new connection
 * begins.
 *
 * `viewNeeds` are those of the views. A need is a function that gets the `context` and returns another one, which is called
 * whenever `serve` is, loads what is missing, and never requests the same thing twice at once. The context has `getState()`;
 * `set(state)`, which changes it without drawing, and `update(apply, ...values)`, which draws; `failed(problem, report)` for
 * failed calls; `send(order)` to the server; `isInList(name)` and `isInRows()`: whether a person is in the rows of a list or of
 * the view; `failuresSeen(store)`; and `consider()`, which requests the impact of the number in the open form.
 */
export function makeNeeds(context, viewNeeds) {
  const watch = watchOpen(context);
  const needs = [...ALWAYS, ...new Set(viewNeeds)].map((need) => need(context));
  const all = [...needs, watch.serve, serveRounds(context)];

  return { serve: () => all.forEach((serve) => serve()), forgetWatched: watch.forget };
}
