// Configuration from deploy/, with its @WORDS@ filled in.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../prepare.mjs";

/**
 * @param {string} name below deploy/
 * @param {Readonly<Record<string, string | number>>} words
 */
export function filledIn(name, words) {
  const text = readFileSync(join(root, "deploy", name), "utf8");
  return text.replaceAll(/@([A-Z_]+)@/g, (found, word) => {
    const value = words[word];
    if (value === undefined) throw new Error(`deploy/${name}: nothing is known of ${found}`);
    return String(value);
  });
}

/**
 * @param {string} path
 * @param {string} name below deploy/
 * @param {Readonly<Record<string, string | number>>} words
 */
export function writeFilledIn(path, name, words) {
  writeFileSync(path, filledIn(name, words), { mode: 0o600 });
}
