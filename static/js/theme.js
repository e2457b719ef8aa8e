// Applies the light or dark theme: the one that the person chose, else the system's. A classic script in the head, so that
// the first paint is right; browser/preferences.js stores the choice.
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
