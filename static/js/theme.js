// Light or dark as the system has it. A classic script in the head, so that the first picture is right.
(function () {
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function follow() {
    document.documentElement.dataset.bsTheme = dark.matches ? "dark" : "light";
  }
  dark.addEventListener("change", follow);
  follow();
})();
