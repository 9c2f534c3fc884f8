/** How often, by name. @typedef {Record<string, number>} Counts */
/**
 * What was killed, and which files were caught without their names; entries acknowledged and heads signed meanwhile.
 *
 * @typedef {{ kills: Counts, caught: Counts, acknowledged: number, heads: number }} Tally
 */

/**
 * @param {Counts} counts
 * @param {string} name
 * @param {number} [more]
 */
export function count(counts, name, more = 1) {
  counts[name] = (counts[name] ?? 0) + more;
}

/**
 * @param {Tally | undefined} sum
 * @param {Tally} more
 * @returns {Tally}
 */
export function addTally(sum, more) {
  if (sum === undefined) return more;
  const kills = { ...sum.kills };
  const caught = { ...sum.caught };
  for (const [name, number] of Object.entries(more.kills))
    kills[name] = (kills[name] ?? 0) + number;
  for (const [name, number] of Object.entries(more.caught)) {
    caught[name] = (caught[name] ?? 0) + number;
  }
  const acknowledged = sum.acknowledged + more.acknowledged;
  return { kills, caught, acknowledged, heads: sum.heads + more.heads };
}

/** @param {Tally} tally */
export function formatTally({ kills, caught, acknowledged, heads }) {
  const list = (/** @type {Counts} */ counts) =>
    Object.entries(counts)
      .map(([name, number]) => `${number} ${name}`)
      .join(", ");
  const all = Object.values(kills).reduce((a, b) => a + b, 0);
  return [
    `${all} kills (${list(kills)}): ${acknowledged} entries acknowledged, 0 lost, 0 doubled; ${heads} heads signed, 0 forks; every start succeeded`,
    `caught half done: ${list(caught) || "nothing"}`,
  ].join("\n");
}
