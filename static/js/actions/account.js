/** Actions for signing in and out; actions.js describes their context. */

import * as api from "../server/api.js";
import * as change from "../state/state.js";

export function accountActions({ getState, update, react, enter, leave, attempt }) {
  return {
    async signIn(credentials) {
      if (getState().signIn.busy) return;
      react(change.signInBegan);
      try {
        const signedIn = await api.signIn(credentials);
        react(change.signedIn, signedIn.username, signedIn.role);
        enter();
      } catch (problem) {
        if (!(problem instanceof api.Problem)) throw problem;
        react(change.signInFailed, problem.message);
      }
    },

    async signOut() {
      update(change.leaving, true);
      const isDone = await attempt("Could not sign out", async () => (await api.signOut()) ?? true);
      isDone ? leave("") : update(change.leaving, false);
    },
  };
}
