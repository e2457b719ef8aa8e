/** Serves what the state needs of the server. */

import { serveChoices } from "./choices.js";
import { serveOpen, serveRounds, serveWaiting, watchOpen } from "./open_task.js";
import { serveStart } from "./start_form.js";
import { serveFailures, serveLists } from "./task_lists.js";

/** What is needed whichever view is open. */
const ALWAYS = [serveFailures, serveLists, serveOpen, serveWaiting, serveStart, serveChoices];

/**
 * Returns `serve`, to be called whenever the state may have changed, and `forgetWatched`, to be called when a new connection
 * begins.
 *
 * `viewNeeds` are those of the views. Each need is a function that gets the `context` and returns one that is called as
 * `serve` is, loads what is missing, and never asks twice for the same. The context: `getState()`, `set(state)`, which changes
 * it without drawing, and `update(apply, ...values)`, which draws; `failed(problem, report)` for calls that did not work;
 * `send(order)` to the server; `isInList(name)` and `isInRows()`: whether a person is in the rows of a list or of the view;
 * `failuresSeen(store)`; `consider()` asks what the number in the open form would mean.
 */
export function makeNeeds(context, viewNeeds) {
  const watch = watchOpen(context);
  const needs = [...ALWAYS, ...new Set(viewNeeds)].map((need) => need(context));
  const all = [...needs, watch.serve, serveRounds(context)];

  return { serve: () => all.forEach((serve) => serve()), forgetWatched: watch.forget };
}
