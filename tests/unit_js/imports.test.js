/** Which modules of the page may import which, and what only some of them may touch: each folder is a layer. */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MODULES = path.join(ROOT, "static/js");
const MAIN = "main.js";

/** What each folder may import besides itself. What lies beside them puts all together. */
const BELOW = {
  text: [],
  state: ["text"],
  server: ["state", "text"],
  browser: ["state", "text"],
  actions: ["server", "browser", "state", "text"],
  views: ["browser", "state", "text"],
};

/** What only one folder may touch. */
const OWNED = [
  { folder: "server", what: /\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon)\b/ },
  { folder: "browser", what: /\b(localStorage|sessionStorage|indexedDB|Notification|clipboard|execCommand)\b/ },
];

/** What pure modules do not know: the page, the browser, the time. */
const PURE = ["text", "state"];
const IMPURE =
  /\b(document|window|navigator|location|history|globalThis|performance\.now|setTimeout|setInterval|requestAnimationFrame|addEventListener|Math\.random|Date\.now)\b|\bnew Date\(\)/;

const inFolder = (folder) => readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".js")).map((name) => name.replaceAll(path.sep, "/"));
const textOf = (name) => readFileSync(path.join(MODULES, name), "utf8");
/** Without comments and texts, which may be about anything. */
const codeOf = (name) => textOf(name).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "").replace(/"(?:[^"\\\n]|\\.)*"/g, '""');
const folderOf = (name) => (name.includes("/") ? name.split("/")[0] : null);

/** Scripts that the pages load before all modules, since the first picture has to be right. */
const scripts = ["index.html", "api.html"]
  .flatMap((name) => [...readFileSync(path.join(ROOT, "templates", name), "utf8").matchAll(/<script src="[^"]*static\/js\/([^"]+)"/g)])
  .map(([, name]) => name);
const modules = inFolder(MODULES).filter((name) => !scripts.includes(name));
const imported = new Map(modules.map((name) => [name, importsOf(name)]));

function importsOf(name) {
  const all = [...textOf(name).matchAll(/(?:\bfrom |^import |\bimport\()"([^"\n]+)"/gm)].map(([, target]) => target);
  return all.map((target) => (target.startsWith(".") ? path.posix.join(path.posix.dirname(name), target) : target));
}

const isOurs = (target) => !target.startsWith("/");

test("each module that is imported is there", () => {
  const missing = modules.flatMap((name) => imported.get(name).filter((target) => isOurs(target) && !modules.includes(target)).map((target) => `${name}: ${target}`));
  assert.deepEqual(missing, []);
});

test("each module lies in a folder with rules, or beside them all, and is part of the page", () => {
  assert.deepEqual(modules.filter((name) => folderOf(name) !== null && !Object.hasOwn(BELOW, folderOf(name))), []);
  const reached = new Set([MAIN]);
  for (const name of reached) for (const target of imported.get(name)) if (isOurs(target)) reached.add(target);
  assert.deepEqual(modules.filter((name) => !reached.has(name)), []);
});

test("a module imports only from its own folder and from those below it", () => {
  const layered = modules.filter((name) => folderOf(name) !== null);
  const mayImport = (name, target) => [folderOf(name), ...BELOW[folderOf(name)]].includes(folderOf(target));
  const wrong = layered.flatMap((name) => imported.get(name).filter((target) => isOurs(target) && !mayImport(name, target)).map((target) => `${name}: ${target}`));
  assert.deepEqual(wrong, []);
});

test("no modules import each other in a circle", () => {
  const done = new Set();
  function visit(name, way) {
    assert.ok(!way.includes(name), `a circle: ${[...way.slice(way.indexOf(name)), name].join(" → ")}`);
    if (done.has(name)) return;
    for (const target of imported.get(name).filter(isOurs)) visit(target, [...way, name]);
    done.add(name);
  }
  for (const name of modules) visit(name, []);
});

test("only views know a library, and only server/ and browser/ what is theirs", () => {
  assert.deepEqual(modules.filter((name) => !imported.get(name).every(isOurs) && folderOf(name) !== "views"), []);
  for (const { folder, what } of OWNED) {
    assert.deepEqual(modules.filter((name) => folderOf(name) !== folder && what.test(codeOf(name))), [], `only in ${folder}/`);
  }
});

test("what is pure knows neither the page nor the time", () => {
  const pure = modules.filter((name) => PURE.includes(folderOf(name)));
  assert.deepEqual(pure.flatMap((name) => (IMPURE.test(codeOf(name)) ? [`${name}: ${codeOf(name).match(IMPURE)[0]}`] : [])), []);
});

test("tests lie in the folders of the modules that they test", () => {
  const folder = path.join(ROOT, "tests/unit_js");
  const tests = inFolder(folder).filter((name) => name.endsWith(".test.js") && name.includes("/"));
  assert.deepEqual(tests.filter((name) => !existsSync(path.join(MODULES, name.replace(".test.js", ".js")))), []);
});
