/** Files of a TPM identity that somebody rewrote, checksum and all: each is refused by name, or makes no difference. */
import { type CborValue, decodeCbor, WattsealError } from "@wattseal/base";
import { hasSwtpm } from "@wattseal/tpm2/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BootApproval } from "../verify/boot-approval.js";
import type { LctDocument } from "../verify/document.js";
import { encodeChecked } from "./checked.js";
import { provision } from "./provision.js";
import { isSealedHalf } from "./sealed-half.js";
import { approvalOf, Board, documentOf, OPTIONS, startSigner } from "./tpm.fixture.js";

const CHECK_BYTES = 32;

/** The value with one part of it changed: for each part, in each of some ways. */
function* changed(value: CborValue): Generator<readonly [string, CborValue]> {
  if (value instanceof Uint8Array) {
    const last = value.length - 1;
    const places = last < 0 ? [] : new Set([0, Math.floor(last / 2), last]);
    for (const at of places) {
      yield [`byte ${at}`, value.map((byte, i) => (i === at ? byte ^ 1 : byte))];
    }
    yield ["no bytes", new Uint8Array(0)];
  } else if (typeof value === "number") {
    yield ["one more", value + 1];
    if (value > 0) yield ["one less", value - 1];
    yield ["far off", 2 ** 52];
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      for (const [how, other] of changed(item)) yield [`${i}, ${how}`, value.with(i, other)];
    }
    yield ["empty", []];
  }
}

function rewritten(file: Uint8Array): (readonly [string, Uint8Array])[] {
  const record = decodeCbor(file.subarray(0, -CHECK_BYTES), { what: "record" });
  return [...changed(record)].flatMap(([how, other]) =>
    Array.isArray(other) ? [[how, encodeChecked(other)] as const] : [],
  );
}

/** An error that is not of ours stands for itself. */
const nameOf = (thrown: unknown) => (thrown instanceof WattsealError ? thrown.code : thrown);

const NAME = hasSwtpm() ? "a rewritten" : "rewritten files (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, { timeout: 300_000 }, () => {
  let board: Board;
  let document: LctDocument;
  let approvals: readonly BootApproval[];
  let plan: Uint8Array;
  let size = 1;
  beforeEach(async () => {
    board = await Board.start();
    const folder = {
      ...board.folder,
      write: async (name: string, content: Uint8Array) => {
        if (name === "tpm.plan") plan = content;
        await board.folder.write(name, content);
      },
    };
    document = documentOf(await provision(board.access, OPTIONS, folder));
    approvals = [approvalOf(document, 1, await board.pcrDigest())];
    size = 1;
    expect(await start()).toEqual(["attested", "open"]);
  }, 60_000);
  afterEach(() => board.remove());

  function start() {
    size += 2;
    const started = startSigner(board, { document, approvals, size });
    return started.then(({ state, halves }) => [state, ...halves.map((it) => it.state)], nameOf);
  }

  it("record of the identity", async () => {
    const file = await board.folder.read("tpm.cbor");
    const refused =
      /^(decode|anchor-mismatch|tpm-cleared|tpm-replaced|tpm-refused|counter-rolled-back)$/;
    for (const [how, other] of rewritten(file)) {
      await board.folder.write("tpm.cbor", other);
      const outcome = await start();
      if (typeof outcome === "string") expect(outcome, how).toMatch(refused);
      else expect(outcome, how).toEqual(["attested", "open"]);
      await board.folder.write("tpm.cbor", file);
      expect(await start(), `after ${how}`).toEqual(["attested", "open"]);
    }
  });

  it("sealed half", async () => {
    const [name = ""] = (await board.folder.names()).filter(isSealedHalf);
    for (const [how, other] of rewritten(await board.folder.read(name))) {
      await board.folder.write(name, other);
      const anchor = await board.anchor(document, approvals);
      const halves = await anchor.openHalves();
      const reason = expect.stringMatching(/^unreadable: /);
      expect(halves, how).toMatchObject([{ state: "refused", reference: name, reason }]);
      await anchor.close();
    }
  });

  it("plan of an identity that is yet to be made", async () => {
    const refused = /^(decode|tpm-other-policy|tpm-hierarchy-auth|tpm-refused)$/;
    for (const [how, other] of rewritten(plan)) {
      await board.folder.remove("tpm.cbor");
      await board.folder.write("tpm.plan", other);
      const outcome = await board.provision().then(({ pcrs }) => pcrs, nameOf);
      if (typeof outcome === "string") expect(outcome, how).toMatch(refused);
      else expect(outcome, how).toEqual(OPTIONS.pcrs);
    }
  });
});
