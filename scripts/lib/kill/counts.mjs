/** How often, by name. @typedef {Record<string, number>} Counts */

/**
 * @param {Counts} counts
 * @param {string} name
 * @param {number} [more]
 */
export function count(counts, name, more = 1) {
  counts[name] = (counts[name] ?? 0) + more;
}

/** @param {Counts} counts */
export function total(counts) {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

/** For people. @param {Counts} counts */
export function listed(counts) {
  return Object.entries(counts)
    .map(([name, number]) => `${number} ${name}`)
    .join(", ");
}
