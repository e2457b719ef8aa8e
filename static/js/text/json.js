/** JSON that people can read. Pure. */

const LONGEST_LINE = 72;
const LONGEST_SHOWN = 60;
/** Invisible characters that change the direction of text. */
const INVISIBLE_TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Returns a value as indented JSON, cut to `most` characters: `{text, length}`, with the length of the whole. Characters that
 * change the direction of text are escaped. */
export function readable(value, most = Infinity) {
  const text = escaped(JSON.stringify(value, null, 2));
  return { text: text.slice(0, most), length: text.length };
}

function escaped(json) {
  return json.replace(INVISIBLE_TURNS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Returns a value as JSON, in one line if it is short. */
export function jsonText(value) {
  if (value === undefined) return "";
  const line = spaced(value);
  return line.length <= LONGEST_LINE ? line : JSON.stringify(value, null, 2);
}

/** Returns JSON in one line, as people write it: with a space after each comma and colon. */
export function spaced(value) {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}: ${spaced(inner)}`).join(", ")}}`;
}

/** Returns the beginning of a long text. */
export function cut(text) {
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN - 1)}…`;
}
