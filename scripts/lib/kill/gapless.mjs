/**
 * Throws where an entry of a log is in no bundle of the database, or in two.
 *
 * @param {import("../postgres.mjs").PostgresServer} server
 * @param {string} url
 */
export async function requireGapless(server, url) {
  const [row] = await server.query(
    url,
    `SELECT count(*)::integer AS n FROM (
      SELECT first, count, coalesce(lag(first + count) OVER (PARTITION BY pack ORDER BY first), 0) AS expected
        FROM wattseal.bundle) AS it WHERE first <> expected`,
  );
  const n = row?.["n"];
  if (n !== 0) throw new Error(`${n} bundles do not begin where the last one ends`);
}
