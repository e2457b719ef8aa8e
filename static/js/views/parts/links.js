/** Links to places of this page: a plain click goes there at once, any other does what the browser does with links. */

/** Returns a listener for clicks that calls `act` instead of loading the page again. */
export function onPlainClick(act) {
  return (event) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    act();
  };
}
