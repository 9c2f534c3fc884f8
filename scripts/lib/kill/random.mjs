/**
 * The same numbers for the same seed (a linear congruential generator: spread is all that is asked of it).
 *
 * @param {number} seed
 * @returns {(below: number) => number} an integer from 0 up to, not including, `below`
 */
export function seeded(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
