// Light or dark as the person chose, else as the system has it. A classic script in the head, so that the first
// picture is right; the choice itself is made and stored by browser/preferences.js.
(function () {
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var KEY = "hourglass.preferences";
  var chosen = "system";

  function stored() {
    try {
      return JSON.parse(localStorage.getItem(KEY)).theme;
    } catch {
      return "system";
    }
  }

  function follow() {
    var theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    document.documentElement.dataset.bsTheme = theme;
    document.documentElement.style.colorScheme = theme;
  }

  function choose(theme) {
    chosen = theme;
    follow();
  }

  dark.addEventListener("change", follow);
  addEventListener("hourglass:theme", function (event) { choose(event.detail); });
  addEventListener("storage", function (event) { if (event.key === KEY || event.key === null) choose(stored()); });
  choose(stored());
})();
