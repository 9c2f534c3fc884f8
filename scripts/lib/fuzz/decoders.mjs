// Every decoder between a broker, or the registry's listener, and what a federation or a gateway believes.
import { DecodeError, fromUtf8, millis, utf8 } from "@wattseal/base";
import { decodeEntry, decodeOrder, encodeOrder, OrderError } from "@wattseal/energy-ledger";
import {
  decodeEnrolmentActivation,
  decodeEnrolmentRequest,
  Ed25519SecretKey,
  encodeEnrolmentActivation,
  encodeEnrolmentRequest,
} from "@wattseal/lct-keys";
import { decodeEpochEvidence } from "@wattseal/lct-keys/verify";
import { cosign } from "@wattseal/tlog";
import {
  checkBatch,
  checkResponse,
  decodeBatch,
  decodeReceipt,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  parseTopic,
  soleCheckpoint,
  UplinkError,
  verifyReceipt,
} from "@wattseal/uplink";

/** @typedef {import("./random.mjs").Random} Random */
/** @typedef {{ name: string, weight: number, once: (random: Random) => void }} Target */

/** What may come of an input that is not taken. @param {unknown} error */
export function isRefusal(error) {
  return [DecodeError, UplinkError, OrderError].some((known) => error instanceof known);
}

/**
 * @param {import("./pack.mjs").FuzzPack} pack
 * @param {import("@wattseal/base").Entropy} entropy
 * @returns {readonly Target[]}
 */
export function decoders(pack, entropy) {
  const key = Ed25519SecretKey.generate(entropy);
  const { size, origin, leaves } = pack;
  const from = size - 8;
  const frontier = pack.frontier(from);
  const batch = pack.batch(from, size);
  const response = pack.response(from, size - 2);
  const note = pack.note(size);
  const witness = { name: "fuzz", publicKey: key.publicKey };
  const sign = (/** @type {Uint8Array} */ bytes) => key.sign(bytes);
  const receipt = utf8(cosign(note, { ...witness, sign, time: 1_760_000_000 }));
  const destination = { name: "fuzz", publicKeys: [key.publicKey] };
  const expect = { origin, witness: destination, log: pack };
  const order = encodeOrder(
    {
      id: entropy.bytes(16),
      pack: pack.document.lct,
      what: { action: "isolate", body: {} },
      expires: millis(1_760_000_000_000),
      chain: [],
    },
    key.publicKey,
    sign,
  );
  const claim = /** @type {const} */ ({ type: "software", publicKey: anchorOf(pack) });
  const enrolment = encodeEnrolmentRequest({
    kind: "pack",
    context: ["fuzz"],
    claim,
    succeeds: undefined,
  });
  const proof = /** @type {const} */ ({ type: "software", signature: new Uint8Array(64) });
  const activation = encodeEnrolmentActivation({ id: new Uint8Array(16), proof });
  /** @param {Uint8Array} genuine @param {(bytes: Uint8Array) => unknown} read */
  const damaged = (genuine, read) => (/** @type {Random} */ random) => {
    read(random.changed(genuine));
  };
  return [
    {
      name: "topics",
      weight: 1,
      once: (random) => {
        const topic = utf8(`wattseal/1/fleet/${pack.name}/batch`);
        parseTopic(String.fromCharCode(...random.changed(topic)));
      },
    },
    {
      name: "batches",
      weight: 4,
      once: damaged(batch, (bytes) => checkBatch(decodeBatch(bytes), frontier)),
    },
    {
      name: "responses",
      weight: 3,
      once: damaged(response, (bytes) => checkResponse(decodeResponse(bytes), origin, frontier)),
    },
    {
      name: "heads",
      weight: 2,
      once: damaged(utf8(note), (bytes) => soleCheckpoint(fromUtf8(bytes, "head"))),
    },
    { name: "epoch evidence", weight: 2, once: damaged(pack.evidence, decodeEpochEvidence) },
    {
      name: "entries",
      weight: 4,
      once: (random) => {
        decodeEntry(random.changed(leaves[random.below(size)] ?? batch));
      },
    },
    {
      name: "requests",
      weight: 1,
      once: damaged(encodeRequest({ id: 1, from: 2 }), decodeRequest),
    },
    {
      name: "receipts",
      weight: 1,
      once: damaged(receipt, (bytes) => verifyReceipt(decodeReceipt(bytes), expect)),
    },
    { name: "orders", weight: 1, once: damaged(order, decodeOrder) },
    { name: "enrolment requests", weight: 1, once: damaged(enrolment, decodeEnrolmentRequest) },
    {
      name: "enrolment activations",
      weight: 1,
      once: damaged(activation, decodeEnrolmentActivation),
    },
  ];
}

/** @param {import("./pack.mjs").FuzzPack} pack */
function anchorOf({ document: { anchor } }) {
  if (anchor.type !== "p256") throw new Error("the pack's anchor is P-256");
  return anchor.publicKey;
}
