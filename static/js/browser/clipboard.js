/** Copies text. On plain http browsers offer no clipboard to scripts, but still obey `copy`. */

/** Copies, and returns whether that worked. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** Copies from a field in the topmost dialog, since nothing outside it can be focused. */
function copyBySelection(text) {
  const layer = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  layer.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return isCopied;
}
