import { expect, it } from "vitest";
import { dayOf, testPack } from "../lct-keys.fixture.js";
import { encodeOcmf, ocmfPayload } from "./ocmf.js";

/**
 * OCMF revision 1.2 of SAFE e.V., tables 1 to 8, 10 and 19 to 22, as far as a record without a transaction goes: what
 * its values may be, and which fields have to be there (cardinality 1..1).
 */
const TEXT = /^[^|]*$/;
const PAYLOAD: Fields = {
  FV: { text: /^\d+\.\d+$/ },
  GI: { text: TEXT },
  GS: { text: /./ },
  GV: { text: TEXT },
  // F: readings independent of transactions; a number without leading zeros
  PG: { text: /^F[1-9]\d*$/, required: true },
  MV: { text: TEXT },
  MM: { text: TEXT },
  MS: { text: /./, required: true },
  MF: { text: TEXT },
  RD: { list: true, required: true },
};
/** IS, IL, IF, IT, ID, TT "exactly when there is a transaction reference"; LC, CCV, CT, CI are of charging stations. */
const OF_TRANSACTIONS = ["IS", "IL", "IF", "IT", "ID", "TT", "CCV", "LC", "CT", "CI"];
const READING: Fields = {
  TM: { text: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3}[+-]\d{4} [UISR]$/, required: true },
  RV: { number: true, required: true },
  RI: { text: /^\d-\w+:\d+\.\d+\.\d+$/ },
  RU: { text: /^(kWh|Wh)$/, required: true },
  RT: { text: /^(AC|DC)$/ },
  EF: { text: /^E?t?$/ },
  ST: { text: /^[NGTDRMXIOSEF]$/, required: true },
};
const SIGNATURE: Fields = {
  SA: { text: /^ECDSA-secp256r1-SHA256$/ },
  SE: { text: /^(hex|base64)$/ },
  SM: { text: /^application\/x-der$/ },
  SD: { text: /^([0-9a-f]{2})+$/, required: true },
};
/** Names that begin so are the manufacturer's own, in the payload. */
const OWN = /^[U-Z]/;

type Fields = Readonly<
  Record<
    string,
    {
      readonly text?: RegExp;
      readonly number?: boolean;
      readonly list?: boolean;
      readonly required?: boolean;
    }
  >
>;

function expectFields(object: object, fields: Fields): void {
  const given = new Map<string, unknown>(Object.entries(object));
  for (const [name, { required = false }] of Object.entries(fields)) {
    if (required) expect([...given.keys()]).toContain(name);
  }
  for (const [name, value] of given) {
    if (OWN.test(name)) continue;
    const field = fields[name];
    expect(field, `${name} is no field`).toBeDefined();
    if (field?.text !== undefined) expect(value, name).toEqual(expect.stringMatching(field.text));
    if (field?.number === true) expect(value, name).toEqual(expect.any(Number));
    if (field?.list === true) expect(Array.isArray(value), name).toBe(true);
  }
}

it("an OCMF record has the fields of the specification, of its types, and no other", () => {
  const { document, anchor } = testPack("fields");
  for (const synchronised of [true, false]) {
    const day = dayOf({ end: { ...dayOf().end, synchronised } });
    const payload = ocmfPayload(day, document);
    const [, , signature = ""] = encodeOcmf(payload, anchor.sign(new Uint8Array(1))).split("|");
    const parsed = JSON.parse(payload);
    expectFields(parsed, PAYLOAD);
    for (const name of OF_TRANSACTIONS) expect(parsed).not.toHaveProperty(name);
    for (const reading of parsed.RD) expectFields(reading, READING);
    expectFields(JSON.parse(signature), SIGNATURE);
    // Numbers are written out: no exponent, the digits that are valid and no more.
    expect(payload.match(/"RV":[^,]*/g)).toHaveLength(4);
    for (const [, value] of payload.matchAll(/"RV":([^,]*)/g))
      expect(value).toMatch(/^\d+\.\d{6}$/);
  }
});
