import type { Anchor } from "./anchor.js";
import { Turns } from "./turns.js";

/** The same anchor for callers who know nothing of each other: one call at a time, `close` after those before it. */
export function anchorInTurn(anchor: Anchor): Anchor {
  const turns = new Turns();
  const { publicKey, rationed, counterBase } = anchor;
  return {
    publicKey,
    rationed,
    counterBase,
    counter: () => turns.run(() => anchor.counter()),
    increment: () => turns.run(() => anchor.increment()),
    attestEpoch: (body) => turns.run(() => anchor.attestEpoch(body)),
    sign: (message) => turns.run(() => anchor.sign(message)),
    attest: (nonce) => turns.run(() => anchor.attest(nonce)),
    confirmBoot: () => turns.run(() => anchor.confirmBoot()),
    openHalves: () => turns.run(() => anchor.openHalves()),
    createHalf: () => turns.run(() => anchor.createHalf()),
    close: () => turns.run(() => anchor.close()),
  };
}
