/** Saves a text as a file, by a download. */

const LIFETIME_MILLISECONDS = 60000;

export function saveFile(text, type, name) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), LIFETIME_MILLISECONDS);
}
