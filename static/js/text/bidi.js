/**
 * Isolates text from outside within our sentences, so that right-to-left text and direction marks do not affect the text
 * around it. Pure. In elements, `<bdi>` does the same: views/parts/names.js.
 */

const [FIRST_STRONG_ISOLATE, POP_ISOLATE] = ["\u2068", "\u2069"];
const INITIATORS = ["\u2066", "\u2067", FIRST_STRONG_ISOLATE];
/** Ends a paragraph, and with it each isolate. */
const PARAGRAPH_SEPARATOR = "\u2029";
const UNBALANCING = /[\u2066-\u2069\u2029]/;
/** Letters of scripts that are written from right to left, and characters that control the direction. */
const TURNING = /[\u0590-\u08ff\u200e\u200f\u2029-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Returns the text as it is, or within an isolate if it might affect the text around it. */
export function isolated(text) {
  return TURNING.test(text) ? `${FIRST_STRONG_ISOLATE}${balanced(text)}${POP_ISOLATE}` : text;
}

/** Returns the text without anything that would end an isolate around it. */
export function balanced(text) {
  if (!UNBALANCING.test(text)) return text;
  let depth = 0;
  let result = "";
  for (const character of text) {
    if (character === POP_ISOLATE && depth === 0) continue;
    if (character === POP_ISOLATE) depth -= 1;
    if (INITIATORS.includes(character)) depth += 1;
    result += character === PARAGRAPH_SEPARATOR ? " " : character;
  }
  return result + POP_ISOLATE.repeat(depth);
}
