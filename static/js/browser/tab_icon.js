/** The icon of the browser's tab, with the number of pending or failed tasks. Pure. */

const PLAIN = "/openattic/static/img/hourglass.svg";
const MOST = 99;
const PENDING_COLOUR = "#1764d9";
const FAILED_COLOUR = "#c4212f";

/** Returns the hourglass with a badge: red for failed tasks, else blue for pending ones; without a badge if there are none. */
export function iconHref(pending, failedUnseen) {
  if (failedUnseen > 0) return badged(failedUnseen, FAILED_COLOUR);
  return pending > 0 ? badged(pending, PENDING_COLOUR) : PLAIN;
}

function badged(count, colour) {
  const text = count > MOST ? `${MOST}+` : String(count);
  return `data:image/svg+xml,${encodeURIComponent(drawing(text, colour))}`;
}

/** Width of the badge and of its text, by the number of characters: fonts differ, and "99+" must fit into each. */
const WIDTHS = { 1: [20, 11], 2: [27, 21], 3: [32, 28] };

/** Returns the hourglass of hourglass.svg, moved aside for the badge. A tab's icon has only 16 pixels, so the badge takes more
 * than half of its height, and as much of the width as its text needs. */
function drawing(text, colour) {
  const [width, textWidth] = WIDTHS[text.length];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
    <rect width="32" height="32" rx="8" fill="#1d3b53"/>
    <g transform="translate(-4.5-5)">
      <path d="M9.5 7h13M9.5 25h13M11.5 7v3.2c0 2 1 3.2 2.4 4.3L16 16l2.1-1.5c1.4-1.1 2.4-2.3 2.4-4.3V7M11.5 25
        v-3.2c0-2 1-3.2 2.4-4.3L16 16l2.1 1.5c1.4 1.1 2.4 2.3 2.4 4.3V25" fill="none" stroke="#f6efe2"
        stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/>
      <path d="M13.3 10.2h5.4c-.2 1.4-.9 2.2-1.7 2.8l-1 .8-1-.8c-.8-.6-1.5-1.4-1.7-2.8z" fill="#f0b44c"/>
    </g>
    <rect x="${32 - width}" y="12.5" width="${width}" height="19.5" rx="6" fill="${colour}"/>
    <text x="${32 - width / 2}" y="28.5" font-family="Arial, Helvetica, sans-serif" font-size="18" font-weight="700"
      text-anchor="middle" textLength="${textWidth}" lengthAdjust="spacingAndGlyphs" fill="#fff">${text}</text>
  </svg>`;
}
