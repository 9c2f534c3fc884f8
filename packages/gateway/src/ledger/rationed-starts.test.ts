import { decodeEntry } from "@wattseal/energy-ledger";
import { verifyCheckpoint } from "@wattseal/tlog";
import { describe, expect, it, onTestFinished } from "vitest";
import { bodiesOf, moduleAt } from "../metering/recording.fixture.js";
import { makePack } from "../pack.fixture.js";
import { rationedSigner } from "./rationed.fixture.js";
import { gatewayRuns, startsWith } from "./run.fixture.js";

const LONG = { timeout: 400_000 };
/** In ten minutes, more readings than wait for an epoch. */
const modules = [1, 2, 3, 4, 5, 6, 7, 8].map(moduleAt);

async function pack(socket: boolean) {
  const made = await makePack((cleanUp) => onTestFinished(cleanUp));
  const signer = await rationedSigner(made, socket);
  const { start, audit, counted } = gatewayRuns(made, modules);
  /** A run of so many seconds, and its graceful stop. */
  const run = async (seconds: number) => {
    const gateway = await signer.connect();
    const here = await start(gateway.open);
    const unsigned = here.keeper.unsigned?.reason;
    await here.pass(seconds);
    const stopped = await here.stop();
    await gateway.leave();
    return { ...here, ...stopped, unsignedAtFirst: unsigned };
  };
  return { ...made, run, audit, counted };
}

const lastType = (entries: readonly Uint8Array[]) => decodeEntry(entries.at(-1)!).type;

describe.each([
  ["in the gateway's process", false],
  ["behind a socket", true],
])("an anchor whose starts are rationed, %s", (_, socket) => {
  it(
    "after twenty quick restarts: the next run enters everything at once, and all of it is signed later, in order",
    LONG,
    async () => {
      const { run, audit, counted, document } = await pack(socket);
      for (let restart = 1; restart < 20; restart += 1) {
        const { entries, unsignedAtFirst } = await run(3);
        expect(unsignedAtFirst).toBeUndefined();
        expect(lastType(entries)).toBe("epoch.end");
      }
      const twentieth = await run(3);
      expect(twentieth.unsignedAtFirst).toBeUndefined();
      expect(lastType(twentieth.entries)).not.toBe("epoch.end");
      expect(twentieth.said).toContain("epoch.left-open");
      expect(await audit(twentieth)).toMatchObject({
        difference: undefined,
        signed: twentieth.entries.length,
      });

      // and one that is stopped again before a start is paid for
      const next = await run(60);
      expect(next.unsignedAtFirst).toMatch(/has begun 20 epochs in a short time/);
      expect(next.signed).toEqual([]);
      expect(lastType(next.entries)).not.toBe("epoch.end");
      const later = await run(700);
      expect(later.signed.toSorted((a, b) => a - b)).toEqual(later.signed);
      expect(later.signed.at(-1)).toBe(later.entries.length);

      const { entries, head } = later;
      expect(startsWith(next.entries, twentieth.entries)).toBe(true);
      expect(startsWith(entries, next.entries)).toBe(true);
      expect(bodiesOf(entries, "epoch.begin")).toHaveLength(21);
      expect(bodiesOf(entries, "epoch.end")).toHaveLength(19);
      expect(later.writer.refused + next.writer.refused).toBe(0);
      for (const { said } of [next, later]) expect(said).not.toContain("recorder.overflowed");

      // Each start has the gap of its own second, and no reading is in any other.
      for (const { uid } of modules) {
        const own = (body: { readonly module: string }) => body.module === uid;
        const gaps = bodiesOf(entries, "energy.gap").filter(own);
        expect(gaps).toHaveLength(21);
        for (const body of gaps) {
          expect(body).toMatchObject({ reason: "away", t1: body.t0 + 1000, out: 0 });
        }
        expect(bodiesOf(entries, "energy.interval").filter(own).at(-1)?.end?.in).toBe(counted());
      }
      const report = await audit(later);
      expect(report).toMatchObject({ difference: undefined, signed: entries.length, epochs: 21 });

      const publicKey = later.log.own.keyAt(entries.length)!;
      expect(verifyCheckpoint(head!, { name: document.origin, publicKey }).size).toBe(
        entries.length,
      );
    },
  );

  it(
    "ends its epoch where the next start is paid for, also after one that was not",
    LONG,
    async () => {
      const { run } = await pack(socket);
      for (let restart = 0; restart < 20; restart += 1) await run(3);
      const { entries, said } = await run(1300);
      expect(lastType(entries)).toBe("epoch.end");
      expect(said).not.toContain("epoch.left-open");
    },
  );
});
