import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { episode } from "../scripts/lib/kill-store/episode.mjs";
import { postgresMissing } from "../scripts/lib/postgres.mjs";

const KILLS = 10;
const seed = randomInt(2 ** 31);
const missing = postgresMissing();
const without = missing === undefined ? "" : ` (skipped: ${missing})`;

it.skipIf(missing !== undefined)(
  `a database killed ${KILLS} times under two workers has all that was receipted, once (seed ${seed})${without}`,
  { timeout: 600_000 },
  async () => {
    const { kills, failed, entries, packs, records } = await episode(KILLS, seed);
    expect(kills).toBe(KILLS);
    expect(failed).toBeGreaterThan(0);
    expect(records).toBeGreaterThanOrEqual(packs);
    expect(entries).toBeGreaterThanOrEqual(240 * packs);
  },
);
