/** Two gateways and a third one's log as their witness, all with keys and folders of their own. */
import { type LctId, milliwattHours } from "@wattseal/base";
import { decodeEntry, encodeAs, policyPayload2 } from "@wattseal/energy-ledger";
import { signAuthorityPayload } from "@wattseal/lct-keys";
import { cosign } from "@wattseal/tlog";
import { collectProof, encodeProofFile } from "@wattseal/verifier";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EnergyLog } from "../ledger/energy-log.js";
import { recording } from "../metering/recording.fixture.js";
import { makePack, newAuthority } from "../pack.fixture.js";
import { SocietyOrders } from "./orders.js";

const mwh = milliwattHours;
const WITNESS = newAuthority();
const NAME = "witness.example";

/** A gateway that has taken in about 525 Wh, 60 % of it in lots. */
async function charged(authority: ReturnType<typeof newAuthority>) {
  const pack = await makePack((cleanUp) => onTestFinished(cleanUp), authority);
  const recorded = await recording(undefined, [], false, undefined, { pack });
  const { modules, read, run, log, writer, books } = recorded;
  read(modules[0]!, 30, { in: 0, out: 0 });
  run(modules[0]!, 181, 30, { in: 0, out: 0 });
  await writer.settled();
  return { log, lct: pack.document.lct, orders: new SocietyOrders({ log, writer, books }) };
}

async function society() {
  const authority = newAuthority();
  const [seller, buyer, witness] = [
    await charged(authority),
    await charged(authority),
    await charged(authority),
  ];
  const counterparties = [seller.lct, buyer.lct, witness.lct];
  for (const { log, lct } of [seller, buyer, witness]) {
    await log.append(policyOf(authority, lct, witness.lct, counterparties));
  }
  return { seller, buyer, witness };
}

function policyOf(
  authority: ReturnType<typeof newAuthority>,
  lct: LctId,
  witness: LctId,
  counterparties: readonly LctId[],
) {
  const policy = encodeAs(policyPayload2, {
    purpose: "wattseal-policy-2",
    society: lct,
    version: 2,
    highBps: 10_000,
    developingBps: 9_000,
    lowBps: 6_000,
    tier: "low",
    lotDays: 7,
    withheldDays: 7,
    wasteAlert: mwh(100_000),
    declaredCap: mwh(0),
    witnesses: [{ lct: witness, name: NAME, publicKey: WITNESS.publicKey }],
    counterparties,
  });
  return {
    type: "society.policy",
    body: { sign1: signAuthorityPayload(authority, policy) },
  } as const;
}

/** As `wattseal prove` writes it, under a head that the witness has cosigned. */
async function proofOf(log: EnergyLog, index: number): Promise<Uint8Array> {
  await log.flush();
  const key = {
    name: NAME,
    publicKey: WITNESS.publicKey,
    sign: (b: Uint8Array) => WITNESS.sign(b),
  };
  const note = cosign(log.store.head!.note, { ...key, time: 1_760_000_000 });
  return encodeProofFile(collectProof(log.store, index, note));
}

describe("a gateway between societies", () => {
  it("sells to another one, each entering what the witness decided", async () => {
    const { seller, buyer, witness } = await society();
    const parties = { buyer: buyer.lct, witness: witness.lct };
    const order = {
      ...parties,
      amount: mwh(10_000),
      rateBps: 9_000,
      fee: mwh(500),
      within: 60_000,
    };
    const { terms, trade } = await seller.orders.trades.escrow(order);
    expect(seller.orders.accounts().trades).toEqual([{ trade, terms }]);

    const proof = await proofOf(seller.log, terms.ticket);
    await witness.log.append({ type: "society.offer", body: { terms, proof } });
    const answer = witness.log.fold.society.trades.witness.decisionFor(
      terms,
      "commit",
      witness.log.fold.time,
    );
    if (!("enter" in answer)) throw new Error("the witness decides nothing");
    const decided = await witness.log.append({ type: "society.decide", body: answer.enter });
    const decision = await proofOf(witness.log, decided);

    const before = buyer.log.fold.summary();
    for (const { orders, log } of [seller, buyer]) {
      const { entry, type } = await orders.trades.settle(decision);
      expect(decodeEntry(log.store.entry(entry)).type).toBe(type);
      await expect(orders.trades.settle(decision)).rejects.toMatchObject({
        code: "order-refused",
        message: expect.stringContaining("nothing of this trade is left"),
      });
    }
    expect(seller.orders.accounts()).toMatchObject({ trades: [], summary: { claims: -10_000 } });
    const bought = { claims: 8_500, conversionLoss: 1_500, atp: before.atp + 8_500 };
    expect(buyer.log.fold.summary()).toMatchObject(bought);
  });

  it("reports work to a parent, which records it once", async () => {
    const { seller: citizen, buyer: parent } = await society();
    const work = { amount: mwh(5_000), worker: parent.lct, task: "pumping", order: undefined };
    const { ticket } = await citizen.orders.reserve(work);
    const done = { ticket, parent: parent.lct, quality: 8_000, proof: undefined };
    const reported = await citizen.orders.trades.report({ ...done, amount: mwh(4_000) });
    expect(reported).toMatchObject({ amount: 4_000, worker: parent.lct, reputation: 3_200 });
    const proof = await proofOf(citizen.log, reported.entry);
    expect(await parent.orders.trades.settle(proof)).toMatchObject({ type: "society.record" });
    expect(parent.log.fold.summary()).toMatchObject({ claims: 4_000 });
    await expect(parent.orders.trades.settle(proof)).rejects.toMatchObject({
      code: "order-refused",
      message: expect.stringContaining("entered already"),
    });
  });

  it("refuses what its policy does not know, and what proves nothing", async () => {
    const { seller, buyer, witness } = await society();
    const terms = { amount: mwh(1), rateBps: 10_000, fee: mwh(0), within: 60_000 };
    const stranger = { buyer: buyer.lct, witness: buyer.lct };
    await expect(seller.orders.trades.escrow({ ...terms, ...stranger })).rejects.toMatchObject({
      code: "order-refused",
    });
    const own = await proofOf(witness.log, 1);
    await expect(seller.orders.trades.settle(own)).rejects.toMatchObject({
      message: expect.stringContaining("only a society.decide or a society.report"),
    });
    for (const proof of [own, own.slice(1), new Uint8Array()]) {
      await expect(seller.orders.trades.settle(proof)).rejects.toMatchObject({
        code: "order-refused",
      });
    }
  });
});
