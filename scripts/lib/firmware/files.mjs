/** Everything that `npm run vectors` writes, by path from the checkout's root. */
import { toHex } from "@wattseal/base";
import { labelGroups } from "@wattseal/device-keys";
import { example } from "./example.mjs";
import { BUS_ID, benchPairing, CAPABILITIES, publicOf, SECRET, SLOT, UID } from "./given.mjs";
import { handshake, payload2, prologue } from "./handshake.mjs";
import { rejected } from "./rejected.mjs";
import { session, statement } from "./session.mjs";

const FOLDER = "docs/firmware";

/** @returns {ReadonlyMap<string, string>} */
export function files() {
  const classic = session(false);
  const fd = session(true);
  const contents = {
    "vectors/pairing.json": json(benchPairing()),
    "vectors/handshake.json": json(handshakeVectors()),
    "vectors/session-classic.json": json(sessionVectors(classic)),
    "vectors/session-fd.json": json(sessionVectors(fd)),
    "vectors/rejected.json": json({
      note: "Classic frames; every case is on its own.",
      cases: rejected(),
    }),
    "vectors/statement.json": json(statementVectors(classic)),
    "vectors/label.json": json(labelVectors()),
    "example.md": example(classic, fd),
  };
  return new Map(Object.entries(contents).map(([name, text]) => [`${FOLDER}/${name}`, text]));
}

/** @param {object} value */
const json = (value) => `${JSON.stringify(value, undefined, 2)}\n`;

function handshakeVectors() {
  const { steps, message1, message2, handshakeHash, toModule, toPack } = handshake();
  return {
    protocol: "Noise_KK_25519_ChaChaPoly_SHA256",
    uid: UID,
    slot: SLOT,
    busId: BUS_ID,
    capabilities: CAPABILITIES,
    prologue: toHex(prologue()),
    secrets: {
      pack: toHex(SECRET.pack),
      module: toHex(SECRET.module),
      packEphemeral: toHex(SECRET.packEphemeral),
      moduleEphemeral: toHex(SECRET.moduleEphemeral),
    },
    publics: {
      pack: toHex(publicOf(SECRET.pack)),
      module: toHex(publicOf(SECRET.module)),
      packEphemeral: toHex(publicOf(SECRET.packEphemeral)),
      moduleEphemeral: toHex(publicOf(SECRET.moduleEphemeral)),
    },
    steps,
    payload2: toHex(payload2()),
    message1: toHex(message1),
    message2: toHex(message2),
    handshakeHash: toHex(handshakeHash),
    packToModuleKey: toHex(toModule),
    moduleToPackKey: toHex(toPack),
  };
}

/** @param {import("./session.mjs").Session} one */
const sessionVectors = ({ fd, steps }) => ({ fd, slot: SLOT, handshake: "handshake.json", steps });

/** @param {import("./session.mjs").Session} one */
function statementVectors({ steps }) {
  const sent = steps.find(({ name }) => name === "counter statement");
  const { shared, key, signed, mac } = statement(sent?.tick ?? 0);
  return {
    moduleSecret: toHex(SECRET.module),
    federationHalf: toHex(publicOf(SECRET.federation)),
    federationSecret: toHex(SECRET.federation),
    moduleHalf: toHex(publicOf(SECRET.module)),
    shared: toHex(shared),
    salt: "00".repeat(32),
    info: "wattseal-counter-1",
    key: toHex(key),
    statement: toHex(signed),
    mac: toHex(mac),
    body: sent?.pdu?.body,
  };
}

function labelVectors() {
  const half = publicOf(SECRET.module);
  const groups = labelGroups(UID, half);
  return { uid: UID, half: toHex(half), groups, text: groups.join(" ") };
}
