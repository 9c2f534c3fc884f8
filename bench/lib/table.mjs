/**
 * One measured thing beside a named peer of the same run, both in units per CPU-second (or, for a wire, per second).
 *
 * @typedef {{ what: string, rate: number, peer: string, peerRate: number }} Row
 */

/**
 * A Markdown table.
 *
 * @param {string} title
 * @param {string} unit what is counted
 * @param {readonly Row[]} rows
 */
export function formatTable(title, unit, rows) {
  const body = rows.map(
    ({ what, rate, peer, peerRate }) =>
      `| ${what} | ${quantity(rate)} | ${peer} | ${quantity(peerRate)} | ${ratio(rate / peerRate)} |`,
  );
  return [
    `### ${title}`,
    "",
    `| ${unit} | per CPU-second | named peer | its rate | ratio |`,
    "|---|--:|---|--:|--:|",
    ...body,
    "",
  ].join("\n");
}

/**
 * Figures that no rate describes.
 *
 * @param {string} title
 * @param {readonly { what: string, value: number, unit: string }[]} figures
 */
export function formatFigures(title, figures) {
  const body = figures.map(({ what, value, unit }) => `| ${what} | ${quantity(value)} ${unit} |`);
  return [`### ${title}`, "", "| figure | |", "|---|--:|", ...body, ""].join("\n");
}

/**
 * Simulated time against two peers at once: time as it passes, and the wire, which takes its own time for the frames.
 *
 * @param {string} title
 * @param {readonly { what: string, pace: number, wire: number }[]} rows `pace` in simulated seconds, and `wire` in
 *   seconds of a busy wire, each in a wall second
 * @param {readonly string[]} remarks
 */
export function formatPaces(title, rows, remarks) {
  const body = rows.map(({ what, pace, wire }) => `| ${what} | ${ratio(pace)} | ${ratio(wire)} |`);
  return [
    `### ${title}`,
    "",
    "| simulated | against real time | against the wire's own time for its frames |",
    "|---|--:|--:|",
    ...body,
    "",
    ...remarks.flatMap((remark) => [remark, ""]),
  ].join("\n");
}

/** @param {number} value */
function quantity(value) {
  const digits = value >= 100 ? 3 : 2;
  return Number(value.toPrecision(digits)).toLocaleString("en-US");
}

/** @param {number} value */
function ratio(value) {
  return `${Number(value.toPrecision(2)).toLocaleString("en-US")} ×`;
}

/**
 * What one operation takes, alone and with all around it, beside another program's process for the same.
 *
 * @param {string} title
 * @param {string} peer
 * @param {readonly { what: string, inside: number, whole: number, peer: number }[]} rows ms
 */
export function formatLatencies(title, peer, rows) {
  const body = rows.map(
    ({ what, inside, whole, peer: theirs }) =>
      `| ${what} | ${quantity(inside)} ms | ${quantity(whole)} ms | ${quantity(theirs)} ms | ${ratio(whole / theirs)} |`,
  );
  return [
    `### ${title}`,
    "",
    `| operation | in a protected transaction | as a whole one | ${peer}, a process a step | ratio of the whole |`,
    "|---|--:|--:|--:|--:|",
    ...body,
    "",
  ].join("\n");
}
