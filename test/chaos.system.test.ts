import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { chaos } from "../scripts/lib/chaos/run.mjs";
import { formatTally } from "../scripts/lib/chaos/tally.mjs";
import { KINDS } from "../scripts/lib/deploy/deployment.mjs";
import { postgresMissing } from "../scripts/lib/postgres.mjs";
import { missingFor } from "./support/deployment.js";

/** Of each part. A cluster has each of them as a process of its own. */
const KILLS = { embedded: 3, site: 3, cluster: 10 };
const seed = randomInt(2 ** 31);

/** For a title: why it cannot run here, or "". */
function without(kind: (typeof KINDS)[number]): string {
  if (kind === "embedded") return "";
  const missing = kind === "cluster" ? postgresMissing() : undefined;
  return missing === undefined ? missingFor(kind) : ` (skipped: ${missing})`;
}

describe.each(KINDS)("chaos, %s:", (kind) => {
  const skipped = without(kind);
  const each = KILLS[kind];
  it.skipIf(skipped !== "")(
    `each part killed ${each} times while connections are cut, nothing acknowledged is lost or doubled (seed ${seed})${skipped}`,
    { timeout: 600_000 },
    async () => {
      const tally = await chaos(kind, each, seed);
      process.stdout.write(`${formatTally(tally)}\n`);
      const { kills, acknowledged, receipts } = tally;
      expect(new Set(Object.values(kills))).toEqual(new Set([each]));
      expect(acknowledged).toBeGreaterThan(0);
      expect(receipts).toBeGreaterThan(each);
    },
  );
});
