/** What Chromium says of the page while it is measured. Runs before all scripts of the page, in its place. */

{
  const figures = { longTasks: [], frames: 0, longestPause: 0 };

  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) figures.longTasks.push(duration);
  }).observe({ type: "longtask", buffered: true });

  let last = null;
  requestAnimationFrame(function count(at) {
    figures.frames += 1;
    if (last !== null) figures.longestPause = Math.max(figures.longestPause, at - last);
    last = at;
    requestAnimationFrame(count);
  });

  /** When what `isThere` asks for was painted, in milliseconds since the navigation began. */
  function shown(isThere) {
    return new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        if (!isThere()) return;
        observer.disconnect();
        requestAnimationFrame(() => afterPaint(() => resolve(performance.now())));
      });
      observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    });
  }

  function afterPaint(callback) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = callback;
    port2.postMessage(null);
  }

  /** Milliseconds from the key that makes `word` complete until the list has been answered with tasks of that word. */
  function searched(word) {
    return new Promise((resolve) => {
      addEventListener("input", async function begin({ target, timeStamp }) {
        if (target.value !== word) return;
        removeEventListener("input", begin, true);
        resolve((await shown(() => isAnswered(word))) - timeStamp);
      }, true);
    });
  }

  /** The rows of the word without its last letter may be just the same. */
  function isAnswered(word) {
    const names = document.querySelectorAll("table.tasks[aria-busy=false] a.task-name");
    return names.length > 0 && Array.from(names).every(({ textContent }) => textContent.toLowerCase().includes(word));
  }

  window.bench = {
    figures,
    firstTask: shown(() => document.querySelector("a.home-task-name") !== null),
    firstRow: shown(() => document.querySelector("table.tasks[data-tab] tbody .row-name") !== null),
    countAnew: () => Object.assign(figures, { longTasks: [], frames: 0, longestPause: 0 }),
    search: (word) => (window.bench.found = searched(word)),
  };
}
