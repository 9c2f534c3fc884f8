import { describe, expect, it, onTestFinished } from "vitest";
import { codeOfThrown, only } from "../../lct-keys.fixture.js";
import { LctKeysError } from "../../verify/errors.js";
import { CallLimits } from "./call-limits.js";
import { log, SteppedClock, testSigner } from "./socket.fixture.js";

function refusalOf(act: () => void): number | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof LctKeysError && error.code === "rate-limited") return error.retryAfterMs;
    throw error;
  }
}

describe("calls of each kind", () => {
  it.each(["identity", "sign", "attest", "dh", "ocmf", "half", "starts"] as const)(
    "%s: run out, and come back when they are said to",
    (call) => {
      const clock = new SteppedClock();
      const limits = new CallLimits(clock);
      let granted = 0;
      while (refusalOf(() => limits.take(call)) === undefined) granted += 1;
      expect(granted).toBeGreaterThanOrEqual(4);
      const retry = refusalOf(() => limits.take(call)) ?? 0;
      clock.advance(retry - 1);
      expect(refusalOf(() => limits.take(call))).toBe(1);
      clock.advance(1);
      expect(refusalOf(() => limits.take(call))).toBeUndefined();
      expect(refusalOf(() => limits.take(call))).toBe(retry);
    },
  );

  it("do not run out together", () => {
    const limits = new CallLimits(new SteppedClock());
    while (refusalOf(() => limits.take("attest")) === undefined);
    expect(refusalOf(() => limits.take("sign"))).toBeUndefined();
  });

  it("are enough for 31 links that restart together while a half is rolled, twice", () => {
    const limits = new CallLimits(new SteppedClock());
    for (let handshake = 0; handshake < 2 * 31; handshake += 1) {
      for (let dh = 0; dh < 4; dh += 1) limits.take("dh");
    }
  });

  it("are enough for a checkpoint every 10 s at 100 times the speed of time", () => {
    const clock = new SteppedClock();
    const limits = new CallLimits(clock);
    for (let checkpoint = 0; checkpoint < 10_000; checkpoint += 1) {
      limits.take("sign");
      clock.advance(100);
    }
  });
});

describe("through the socket", () => {
  it("they are refused by name, with the time to ask again, and a new connection brings none", async () => {
    const { client, clock } = await testSigner(onTestFinished);
    const nonce = new Uint8Array(32);
    let gateway = await client();
    for (let call = 0; call < 4; call += 1) await gateway.attest(nonce);
    const refused = { code: "rate-limited", retryAfterMs: 10_000 };
    await expect(gateway.attest(nonce)).rejects.toMatchObject(refused);
    await gateway.close();
    gateway = await untilAdmitted(client);
    await expect(gateway.attest(nonce)).rejects.toMatchObject(refused);
    clock.advance(10_000);
    expect((await gateway.attest(nonce)).signature.length).toBe(64);
  });

  it("an epoch too many is refused, and so is a checkpoint too many; what was signed stands", async () => {
    const { begin, client, clock } = await testSigner(onTestFinished);
    const gateway = await client();
    const signer = await begin(gateway, 1, 0);
    await signer.sign(log.request(1, 8));
    for (let call = 0; call < 127; call += 1) await signer.sign(log.request(8, 8));
    await expect(signer.sign(log.request(8, 9))).rejects.toMatchObject({ code: "rate-limited" });
    expect(signer.lastSigned.size).toBe(8);
    clock.advance(1_000);
    expect(await only(signer.sign(log.request(8, 9)))).toContain("\n9\n");
    for (let epoch = 1; epoch < 20; epoch += 1) await begin(gateway, 9, epoch);
    await expect(begin(gateway, 9, 20)).rejects.toMatchObject({ code: "rate-limited" });
  });
});

async function untilAdmitted<T>(client: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await client();
    } catch (error) {
      if (codeOfThrown(error) !== "signer-busy") throw error;
    }
  }
}
