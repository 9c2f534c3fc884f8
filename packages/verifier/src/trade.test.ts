/** A worked example: two packs and their fleet's log, with real keys, on disk, read back and verified by themselves. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, millis, milliwattHours } from "@wattseal/base";
import type { SocietyTrade, TradeTerms } from "@wattseal/energy-ledger";
import { LogStore } from "@wattseal/tlog/store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { auditLog } from "./log/audit.js";
import { TestPack, TRUST } from "./pack.fixture.js";
import { collectProof } from "./proof/collect.js";
import { encodeProofFile } from "./proof/file.js";
import { verifyProofFile } from "./proof/verify.js";

const directory = mkdtempSync(join(tmpdir(), "wattseal-trade-"));
afterAll(() => rmSync(directory, { recursive: true }));
const mwh = milliwattHours;
const MINUTE = 60_000;

/** The entry as another society gets to know it: under a head that the witness has cosigned. */
function proofOf(pack: TestPack, index: number, note = pack.receipt()): Uint8Array {
  return encodeProofFile(collectProof(pack, index, note));
}

const tradesOf = (pack: TestPack) => pack.replay.fold.society.trades;
const accountsOf = (pack: TestPack) => pack.replay.fold.summary();

/** What a log says to whoever finds its folder. */
async function audited(pack: TestPack, name: string) {
  const folder = join(directory, name);
  const store = await LogStore.open({ directory: folder, create: true });
  await store.append(pack.entries);
  await store.writeHead(pack.checkpoint());
  await store.writeDocument("receipt-federation", pack.receipt());
  await store.close();
  const log = await LogStore.openReadOnly({ directory: folder });
  const receipts = [log.readDocument("receipt-federation") ?? ""];
  const entries = log.entries();
  return await auditLog({ entries, checkpoint: log.head?.note, receipts }, { trust: TRUST });
}

let seller: TestPack;
let buyer: TestPack;
let fleet: TestPack;
let terms: TradeTerms;
let decision: Uint8Array;
let decidedAt: number;

beforeAll(() => {
  seller = new TestPack("seller ");
  buyer = new TestPack("buyer ");
  fleet = new TestPack("fleet ", "society");
  const everyone = [seller, buyer, fleet];
  for (const pack of everyone) pack.dealings({ counterparties: everyone, witness: fleet });
  for (let i = 0; i < 3; i += 1) seller.minute(2_000);
  seller.minute(-150);
  [buyer.now, fleet.now] = [seller.now, seller.now];

  const [amount, fee] = [mwh(10_000), mwh(100)];
  const parties = { buyer: buyer.document.lct, witness: fleet.document.lct };
  const decideBy = millis(seller.now + 10 * MINUTE);
  const order = { ...parties, amount, rateBps: 9_500, fee, decideBy };
  terms = tradesOf(seller).escrowFor(seller.size, order);
  const escrow = seller.add("society.escrow", terms);

  fleet.add("society.offer", { terms, proof: proofOf(seller, escrow) });
  const answer = tradesOf(fleet).witness.decisionFor(terms, "commit", fleet.time);
  if (!("enter" in answer)) throw new Error("the fleet decides nothing");
  decidedAt = fleet.add("society.decide", answer.enter);
  decision = proofOf(fleet, decidedAt);

  for (const side of [seller, buyer]) {
    side.add("society.trade", tradesOf(side).tradeFor(answer.enter, decision)!);
  }
  seller.minute(-300);
  buyer.minute(300);

  const work = { worker: fleet.document.lct, task: "peak-shaving", order: undefined };
  const ticket = seller.add("society.reserve", { amount: mwh(5_000), ...work });
  const parent = fleet.document.lct;
  const done = { ticket, parent, quality: 10_000, proof: undefined, amount: mwh(4_000) };
  const report = proofOf(seller, seller.add("society.report", tradesOf(seller).reportFor(done)));
  const shown = verifyProofFile(report, TRUST);
  fleet.now = seller.now;
  fleet.add("society.record", tradesOf(fleet).recordFor(shown, report)!);
});

describe("two packs and their fleet", () => {
  it("each verify from their own folder, with what they believed of each other", async () => {
    const reports = {
      seller: await audited(seller, "seller"),
      buyer: await audited(buyer, "buyer"),
      fleet: await audited(fleet, "fleet"),
    };
    for (const [name, { verdict, difference }] of Object.entries(reports)) {
      expect({ name, verdict, difference }).toEqual({
        name,
        verdict: "verified",
        difference: undefined,
      });
    }
    // ⌊10,000 × 0.95⌋ − 100 arrived; a minute of 300 steps has delivered more than was traded
    expect(reports.buyer.society).toMatchObject({ claims: 0, conversionLoss: 600 });
    expect(reports.seller.society).toMatchObject({ claims: -4_000 });
    expect(reports.fleet.society).toMatchObject({ claims: 4_000, atp: 4_000, eligible: 0 });
    // what was delivered is charged by nobody: the buyer has what it measured, and not what it bought beside it
    const { atp, withheld, eligible } = reports.buyer.society;
    expect(atp + withheld + eligible).toBe(reports.buyer.energy.inMwh);
  });

  it("come to the same accounts as they wrote", async () => {
    const { society } = await audited(buyer, "buyer again");
    expect(society).toEqual(accountsOf(buyer));
  });
});

describe("a buyer", () => {
  const offered = (over: Partial<SocietyTrade>) => {
    const other = new TestPack("buyer ");
    other.dealings({ counterparties: [seller, fleet], witness: fleet });
    other.now = seller.now;
    try {
      other.add("society.trade", { outcome: "commit", terms, proof: decision, ...over });
      return "taken";
    } catch (thrown) {
      return messageOf(thrown);
    }
  };

  it("takes the decision's proof, under any head that the witness cosigned", () => {
    expect(offered({})).toBe("taken");
    expect(offered({ proof: proofOf(fleet, decidedAt) })).toBe("taken");
  });

  it("takes no head that nobody cosigned, or somebody else", () => {
    expect(offered({ proof: proofOf(fleet, decidedAt, fleet.checkpoint()) })).toMatch(/cosigned/);
    const strange = fleet.receipt(fleet.checkpoint(), undefined, "elsewhere.example");
    expect(offered({ proof: proofOf(fleet, decidedAt, strange) })).toMatch(/cosigned/);
  });

  it("takes no other entry, and no other log that says the same", () => {
    expect(offered({ proof: proofOf(seller, terms.ticket) })).toMatch(/not of the witness's/);
    const twin = new TestPack("twin ", "society");
    const forged = twin.add("lct.document", { sign1: twin.document.bytes });
    expect(offered({ proof: proofOf(twin, forged) })).toMatch(/not of the witness's/);
    expect(offered({ terms: { ...terms, fee: mwh(0) } })).toMatch(/not of the witness's/);
  });

  it("takes no proof with a bit flipped", () => {
    for (let bit = 0; bit < 8 * decision.length; bit += 211) {
      const flipped = decision.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(offered({ proof: flipped })).not.toBe("taken");
    }
  }, 60_000);
});
