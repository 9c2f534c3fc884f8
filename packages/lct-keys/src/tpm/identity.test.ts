import { DecodeError } from "@wattseal/base";
import { hasSwtpm } from "@wattseal/tpm2/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeTpmIdentity, decodeTpmPlan } from "./identity.js";
import { provision } from "./provision.js";
import { decodeSealedHalf } from "./sealed-half.js";
import { Board, documentOf, OPTIONS } from "./tpm.fixture.js";

const DECODERS = [decodeTpmIdentity, decodeTpmPlan, decodeSealedHalf];

/** "taken", or the name of what was thrown. */
function outcome(decode: (bytes: Uint8Array) => unknown, given: Uint8Array): string {
  try {
    decode(given);
    return "taken";
  } catch (error) {
    return error instanceof DecodeError ? "refused" : String(error);
  }
}

describe("the decoders of a TPM identity's files", () => {
  it("give a DecodeError for arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (given) => {
        for (const decode of DECODERS) expect(outcome(decode, given)).toBe("refused");
      }),
      { numRuns: 2_000 },
    );
  });
});

const NAME = hasSwtpm() ? "the files of a TPM identity" : "files (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let board: Board;
  const files: Uint8Array[] = [];
  beforeAll(async () => {
    board = await Board.start();
    let plan: Uint8Array = new Uint8Array(0);
    const folder = {
      ...board.folder,
      write: async (name: string, content: Uint8Array) => {
        if (name === "tpm.plan") plan = content;
        await board.folder.write(name, content);
      },
    };
    const identity = await provision(board.access, OPTIONS, folder);
    const anchor = await board.anchor(documentOf(identity), []);
    const { reference } = await anchor.createHalf();
    files.push(await board.folder.read("tpm.cbor"), plan, await board.folder.read(reference));
  }, 60_000);
  afterAll(() => board.remove());

  it("are taken as what they are, and as nothing else", () => {
    for (const [i, file] of files.entries()) {
      const takers = DECODERS.map((decode) => outcome(decode, file));
      expect(takers).toEqual(DECODERS.map((_, j) => (i === j ? "taken" : "refused")));
    }
  });

  it("are refused when cut short, lengthened or altered anywhere", () => {
    for (const [i, file] of files.entries()) {
      const decode = DECODERS[i]!;
      for (let at = 0; at < file.length; at += 1) {
        expect(outcome(decode, file.subarray(0, at))).toBe("refused");
        const flipped = (file[at] ?? 0) ^ (1 << (at % 8));
        expect(outcome(decode, file.with(at, flipped))).toBe("refused");
      }
      expect(outcome(decode, Uint8Array.of(...file, 0))).toBe("refused");
    }
  });
});
