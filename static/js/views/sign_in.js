/** The sign-in form. */

import { html, nothing } from "/openattic/vendor/lit-html/lit-html.js";

export function signInView({ notice, signIn: { busy, error } }, act) {
  return html`
    <main class="sign-in">
      <div class="sign-in-card">
        <h1 class="sign-in-title"><img src="/openattic/static/img/hourglass.svg" alt="" width="40" height="40">Hourglass</h1>
        ${notice ? html`<p class="alert alert-info py-2" role="status">${notice}</p>` : nothing}
        <form aria-label="Sign in" @submit=${(event) => submit(event, act)}>
          <div class="mb-3">
            <label class="form-label" for="username">Username</label>
            <input class="form-control" id="username" name="username" autocomplete="username" autocapitalize="none"
              spellcheck="false" required>
          </div>
          <div class="mb-3">
            <label class="form-label" for="password">Password</label>
            <input class="form-control" id="password" name="password" type="password" autocomplete="current-password" required>
          </div>
          <div class="form-check mb-3">
            <input class="form-check-input" id="stay" name="stay_signed_in" type="checkbox">
            <label class="form-check-label" for="stay">Stay signed in</label>
          </div>
          ${error ? html`<p class="alert alert-danger py-2" role="alert">${error}</p>` : nothing}
          <button class="btn btn-primary w-100" aria-disabled=${busy ? "true" : "false"}>Sign in</button>
        </form>
      </div>
    </main>
  `;
}

async function submit(event, act) {
  event.preventDefault();
  const form = event.target;
  const fields = new FormData(form);
  await act.signIn({
    username: fields.get("username"),
    password: fields.get("password"),
    stay_signed_in: fields.has("stay_signed_in"),
  });
  if (form.isConnected) form.elements.password.select();
}
