/** Power cuts at every step of an identity's life. `WATTSEAL_CUT_STEP=1` takes all of them, a few hundred. */
import { handlesFrom, PT, property } from "@wattseal/tpm2";
import { hasSwtpm } from "@wattseal/tpm2/testing";
import { describe, expect, it } from "vitest";
import type { BootApproval } from "../verify/boot-approval.js";
import type { LctDocument } from "../verify/document.js";
import { openTpmIdentity } from "./folder.js";
import { Supply } from "./power-cut.fixture.js";
import { provision } from "./provision.js";
import { retireTpmIdentity } from "./retire.js";
import { approvalOf, Board, documentOf, OPTIONS, startSigner } from "./tpm.fixture.js";

/** Odd, so that cuts before and after a step take turns. */
const CUT_STEP = Number(process.env["WATTSEAL_CUT_STEP"] ?? 11);
const CUTS_OF_ONE_BOARD = 100;
const NEVER = Number.POSITIVE_INFINITY;
const NAME = hasSwtpm() ? "a power cut" : "power cuts (skipped: swtpm is not installed)";

interface Enrolled {
  readonly document: LctDocument;
  readonly approval: BootApproval;
}

/** Grows from start to start: what the last one signed is always extended. */
let size = 1;

/** One run of the program from wherever the one before was cut: provisions, seals, begins an epoch, signs, confirms. */
async function run(board: Board, supply: Supply, enrolled: Enrolled | undefined) {
  const { access, folder, files } = supply;
  const identity = await provision(access, OPTIONS, folder);
  const document = enrolled?.document ?? documentOf(identity);
  const approval = enrolled?.approval ?? approvalOf(document, 2, await board.pcrDigest());
  size = (size % 900) + 2;
  const lct = { document, approvals: [approval], size };
  return { identity, ...(await startSigner(board, { ...lct, access, folder, files })) };
}

/** What stands in the TPM, and what counts towards its lockout. */
function contents(board: Board) {
  return board.swtpm.use(async (tpm) => ({
    keys: await handlesFrom(tpm, 0x81000000),
    indices: await handlesFrom(tpm, 0x01000000),
    wrongGuesses: await property(tpm, PT.lockoutCounter),
  }));
}

async function cutRun(board: Board, at: number, enrolled: Enrolled | undefined): Promise<boolean> {
  const supply = new Supply(board, at);
  try {
    await run(board, supply, enrolled);
  } catch (thrown) {
    if (!supply.cut) throw thrown;
  }
  if (supply.cut) await board.swtpm.powerOn();
  return supply.cut;
}

/** Once an identity is recorded it is enrolled, and stays what it is. */
async function enrolledOn(board: Board): Promise<Enrolled | undefined> {
  const identity = await openTpmIdentity(board.folder);
  if (identity === undefined) return undefined;
  const document = documentOf(identity);
  return { document, approval: approvalOf(document, 2, await board.pcrDigest()) };
}

describe.skipIf(!hasSwtpm())(NAME, () => {
  it("at any step, and at another one when it is taken up, leaves an identity that goes on, without a trace", async () => {
    let cuts = 0;
    for (let at = 1, reached = true; reached; at += CUT_STEP) {
      await Board.during(async (board) => {
        reached = await cutRun(board, at, undefined);
        if (!reached) return;
        cuts += 1;
        if (await cutRun(board, 1 + ((at * 7) % 60), await enrolledOn(board))) cuts += 1;
        const enrolled = await enrolledOn(board);
        const { epoch, state, halves, identity } = await run(
          board,
          new Supply(board, NEVER),
          enrolled,
        );
        expect(state, `cut at ${at}`).toBe("attested");
        expect(epoch).toBeGreaterThan(identity.counterBase);
        expect(halves.map((half) => half.state)).toEqual(["open"]);
        const { root, attestationKey, anchor, counter, boot } = identity;
        expect(await contents(board), `cut at ${at}`).toEqual({
          keys: [root, attestationKey, anchor].map(({ handle }) => handle),
          indices: [counter.handle, boot?.version.handle],
          wrongGuesses: 0,
        });
      });
    }
    expect(cuts).toBeGreaterThanOrEqual(20);
  }, 300_000);

  it("comes as often as it will: no cut counts as a wrong guess", async () => {
    await Board.during(async (board) => {
      const first = await run(board, new Supply(board, NEVER), undefined);
      const enrolled = await enrolledOn(board);
      let [cuts, at] = [0, 1];
      while (cuts < CUTS_OF_ONE_BOARD) {
        if (await cutRun(board, at, enrolled)) cuts += 1;
        else at = 0;
        at += 5;
      }
      const { epoch, halves } = await run(board, new Supply(board, NEVER), enrolled);
      expect(epoch).toBeGreaterThan(first.epoch);
      expect(halves.map((half) => half.state)).toEqual(["open"]);
      expect((await contents(board)).wrongGuesses).toBe(0);
    });
  }, 300_000);

  it("while an identity is taken out is made up for by the next try", async () => {
    await Board.during(async (board) => {
      for (let at = 1, left = true; left; at += Math.ceil(CUT_STEP / 3)) {
        await run(board, new Supply(board, NEVER), undefined);
        const supply = new Supply(board, at);
        const retired = retireTpmIdentity(supply.access, {}, supply.folder);
        await retired.catch((thrown: unknown) => {
          if (!supply.cut) throw thrown;
        });
        left = supply.cut;
        if (left) await board.swtpm.powerOn();
        await retireTpmIdentity(board.access, {}, board.folder);
        expect(await contents(board)).toEqual({ keys: [], indices: [], wrongGuesses: 0 });
        // What is left is the signer's, of an LCT that is over.
        for (const name of await board.folder.names()) {
          expect(name).toMatch(/^(epoch-\d+|.*lock.*)$/);
          await board.folder.remove(name);
        }
      }
    });
  }, 300_000);
});
