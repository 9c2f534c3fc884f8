import { failed, notObserved, passed } from "../script.js";
import { answers, type Point, SETTLE_MS } from "./point.js";

const PROOF_MS = 1000;
const OVERLAP_MS = 1000;
const BEYOND_MS = 600;

export const SWITCH: Point = {
  id: "keys.switch",
  requirement: "goes on under the keys in use until a PDU under the new ones has verified",
  section: "link §5",
  *run(bench) {
    const old = yield* bench.link();
    const offer = yield* bench.offer();
    const from = bench.heard.length;
    const next = yield* bench.answered(offer);
    if (next === undefined) return notObserved("message 1 was not answered");
    yield* bench.sleep(SETTLE_MS);
    if (bench.heard.slice(from).some(({ session }) => session === next)) {
      return failed("seals under keys that nothing has proven");
    }
    if (!(yield* answers(bench, old))) return failed("the keys in use no longer work");
    if (bench.heard.slice(from).some(({ session }) => session === next)) {
      return failed("seals under keys that nothing has proven");
    }
    return passed("telemetry and answers under the keys in use");
  },
};

export const PROVE: Point = {
  id: "keys.prove",
  requirement: "from the first PDU under the new keys on, seals under them alone",
  section: "link §5",
  *run(bench) {
    yield* bench.link();
    yield* bench.sleep(PROOF_MS + BEYOND_MS); // what an earlier point left unproven is to be forgotten
    const offer = yield* bench.offer();
    const next = yield* bench.answered(offer);
    if (next === undefined) return notObserved("message 1 was not answered");
    const echo = yield* bench.pings(next);
    if (echo === undefined) return failed("the ping under the new keys was not echoed");
    bench.adopt(next);
    const from = bench.heard.indexOf(echo);
    yield* bench.sleep(2 * SETTLE_MS);
    const other = bench.heard.slice(from).find(({ session }) => session !== next);
    if (other !== undefined) return failed(`type ${other.type} under the old keys after the proof`);
    return passed(`${bench.heard.length - from} PDUs, all under the new keys`);
  },
};

export const OVERLAP: Point = {
  id: "keys.overlap",
  requirement: "takes PDUs under the previous keys for 1000 ms after the proof",
  section: "link §5",
  *run(bench) {
    const old = yield* bench.link();
    const next = yield* bench.relink();
    if (bench.heard.findLast(({ session }) => session === old) === undefined) {
      return notObserved("nothing was heard under the keys before");
    }
    // `relink` took a reading's time at most since the proof.
    const since = bench.now - (bench.heard.find(({ session }) => session === next)?.at ?? 0);
    if (since > OVERLAP_MS - SETTLE_MS) return notObserved("telemetry came too late to try it");
    if (!(yield* answers(bench, old))) return failed("the previous keys are gone at once");
    return passed(`a request under the previous keys, ${Math.round(since)} ms on, was answered`);
  },
};

export const END: Point = {
  id: "keys.end",
  requirement: "takes nothing under the previous keys later than that",
  section: "link §5",
  *run(bench) {
    const old = yield* bench.link();
    yield* bench.relink();
    yield* bench.sleep(OVERLAP_MS + BEYOND_MS);
    if (yield* answers(bench, old)) return failed("answers a request under keys that are over");
    if (!(yield* answers(bench))) return notObserved("the session in use does not answer either");
    return passed("no answer under the previous keys");
  },
};

export const EXPIRY: Point = {
  id: "keys.expiry",
  requirement: "wipes keys that nothing has proven within 1000 ms",
  section: "link §5",
  *run(bench) {
    yield* bench.link();
    const offer = yield* bench.offer();
    const next = yield* bench.answered(offer);
    if (next === undefined) return notObserved("message 1 was not answered");
    yield* bench.sleep(PROOF_MS + BEYOND_MS);
    if (yield* bench.proves(next)) {
      bench.adopt(next);
      return failed("the keys were proven after more than 1.5 s");
    }
    return passed("a ping came too late, and nothing answered it");
  },
};

export const TWO: Point = {
  id: "keys.two",
  requirement: "a message 1 between message 2 and the ping does not take the true one's place",
  section: "link §5",
  *run(bench) {
    yield* bench.link();
    const first = yield* bench.offer();
    const wanted = yield* bench.answered(first);
    if (wanted === undefined) return notObserved("message 1 was not answered");
    const second = bench.putOffer();
    const other = yield* bench.answered(second, SETTLE_MS);
    const proven = yield* bench.proves(wanted);
    if (!proven) return failed("the keys agreed first are gone");
    bench.adopt(wanted);
    return passed(other === undefined ? "the second was not answered" : "the first was proven");
  },
};
