/** Links to places of this page: a plain click goes there at once, any other click is left to the browser. */

/** Returns a listener for clicks that calls `act` instead of loading the page again. */
export function onPlainClick(act) {
  return (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    act();
  };
}
