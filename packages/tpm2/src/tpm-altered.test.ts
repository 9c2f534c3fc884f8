/** Bits that change on the way between the TPM and its client, in every command of protected transactions. */
import { DecodeError, toHex } from "@wattseal/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handlesFrom } from "./commands/basic.js";
import { flush, readPublic } from "./commands/objects.js";
import { hasSwtpm, Swtpm } from "./testing/swtpm.js";
import { codeOf, tapped } from "./testing/wiretap.js";
import { CC, HANDLE_TYPE } from "./wire/constants.js";
import { commandName, TpmError } from "./wire/errors.js";

import { type Made, make, openGuarded, WORKS, type Work } from "./works.fixture.js";

/** In all, over 3,000. */
const FLIPS_EACH = 110;
const flipped = (bytes: Uint8Array, bit: number) =>
  bytes.with(bit >> 3, (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7)));

const NAME = hasSwtpm() ? "a bit that changes" : "flipped bits (skipped: swtpm is not installed)";
describe.skipIf(!hasSwtpm())(NAME, () => {
  let swtpm: Swtpm;
  let made: Made;
  beforeAll(async () => {
    swtpm = await Swtpm.start();
    const root = await swtpm.storageRoot();
    made = await swtpm.use((tpm) => make(tpm, root), root);
  }, 60_000);
  afterAll(() => swtpm.remove());

  /** An altered handle leaves behind what it stood for. */
  const sweep = () =>
    swtpm.use(async (tpm) => {
      for (const type of [
        HANDLE_TYPE.transient,
        HANDLE_TYPE.hmacSession,
        HANDLE_TYPE.policySession,
      ]) {
        for (const handle of await handlesFrom(tpm, type * 2 ** 24)) await flush(tpm, handle);
      }
    });

  /** Runs it with one bit of the first matching response (or command) changed; the error that came of it, if one did. */
  async function attempt(
    [code, work]: Work,
    side: "command" | "response",
    bitOf: (bits: number) => number,
  ) {
    let done = false;
    const alter = (bytes: Uint8Array, from: number): Uint8Array => {
      done = true;
      return flipped(bytes, 8 * from + bitOf(8 * (bytes.length - from)));
    };
    const transport = tapped(
      side === "response"
        ? swtpm.transport
        : {
            open: async () => {
              const connection = await swtpm.transport.open();
              return {
                close: () => connection.close(),
                transmit: (bytes) =>
                  connection.transmit(!done && codeOf(bytes) === code ? alter(bytes, 10) : bytes),
              };
            },
          },
      side === "command"
        ? {}
        : {
            response: (bytes, command) =>
              !done && codeOf(command) === code ? alter(bytes, 0) : bytes,
          },
    );
    const outcome = await swtpm
      .through(transport, (tpm) => work(tpm, made), made.root)
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    if (!done) throw new Error(`${commandName(code)} was not sent`);
    return outcome;
  }

  /** ReadPublic's qualified name is not given to the caller: a bit of it that changes changes nothing. */
  const typed = (error: unknown) =>
    error instanceof DecodeError || (error instanceof TpmError && error.code !== "tpm-cancelled");

  it.each(WORKS.map((work) => [commandName(work[0]), work] as const))(
    "in a response to %s is noticed",
    async (_, work) => {
      await swtpm.use((tpm) => work[1](tpm, made), made.root);
      for (let i = 0; i < FLIPS_EACH; i += 1) {
        const at = { bit: -1, of: 0 };
        const outcome = await attempt(work, "response", (bits) => {
          at.bit = Math.min(bits - 1, Math.floor((i * bits) / FLIPS_EACH) + (i % 8));
          at.of = bits;
          return at.bit;
        });
        const unused = work[0] === CC.readPublic && outcome === undefined;
        if (!typed(outcome) && !unused) throw new Error(`bit ${at.bit} of ${at.of}: ${outcome}`);
        await sweep();
      }
    },
    120_000,
  );

  it.each(
    WORKS.filter(([code]) =>
      [CC.unseal, CC.nvRead, CC.sign, CC.quote].some((it) => it === code),
    ).map((work) => [commandName(work[0]), work] as const),
  )(
    "in the authorisation or the parameters of %s is noticed by the TPM",
    async (_, work) => {
      for (let i = 0; i < 60; i += 1) {
        const at = { bit: -1, of: 0 };
        const outcome = await attempt(work, "command", (bits) => {
          at.bit = Math.floor((i * bits) / 60);
          at.of = bits;
          return at.bit;
        });
        if (!typed(outcome)) throw new Error(`bit ${at.bit} of ${at.of}: ${outcome}`);
        await sweep();
      }
    },
    120_000,
  );

  it("leaves what is in the TPM as it was", async () => {
    await swtpm.use((tpm) => openGuarded(tpm, made), made.root);
    expect(toHex((await swtpm.use((tpm) => readPublic(tpm, made.root.handle))).name)).toBe(
      toHex(made.root.name),
    );
  });
});
