import { count, listed, total } from "../kill/counts.mjs";

/** @typedef {import("../kill/counts.mjs").Counts} Counts */
/**
 * What was killed, and which files were caught without their names; entries acknowledged and heads signed meanwhile.
 *
 * @typedef {{ kills: Counts, caught: Counts, acknowledged: number, heads: number }} Tally
 */

/**
 * @param {Tally | undefined} sum
 * @param {Tally} more
 * @returns {Tally}
 */
export function addTally(sum, more) {
  if (sum === undefined) return more;
  const kills = { ...sum.kills };
  const caught = { ...sum.caught };
  for (const [name, number] of Object.entries(more.kills)) count(kills, name, number);
  for (const [name, number] of Object.entries(more.caught)) count(caught, name, number);
  const acknowledged = sum.acknowledged + more.acknowledged;
  return { kills, caught, acknowledged, heads: sum.heads + more.heads };
}

/** @param {Tally} tally */
export function formatTally({ kills, caught, acknowledged, heads }) {
  return [
    `${total(kills)} kills (${listed(kills)}): ${acknowledged} entries acknowledged, 0 lost, 0 doubled; ${heads} heads signed, 0 forks; every start succeeded`,
    `caught half done: ${listed(caught) || "nothing"}`,
  ].join("\n");
}
