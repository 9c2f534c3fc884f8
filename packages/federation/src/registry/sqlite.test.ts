import { type LctId, lctId, millis, sha256, utf8 } from "@wattseal/base";
import type { PendingEnrolment } from "@wattseal/lct-keys";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { START, temporaryDirectory } from "../fleet.fixture.js";
import type { Admission, Ending } from "./port.js";
import { SqliteRegistryStore } from "./sqlite.js";

let store: SqliteRegistryStore;
let directory: ReturnType<typeof temporaryDirectory>;

beforeEach(async () => {
  directory = temporaryDirectory();
  store = await SqliteRegistryStore.open(directory.path);
});
afterEach(async () => {
  await store.close();
  directory.remove();
});

const idOf = (name: string): LctId => lctId(`lct:pack:${name.repeat(32)}`);
const statement = utf8("statement");

function admission(name: string, change: Partial<Admission> = {}): Admission {
  const anchor = sha256(utf8(name));
  const rest = { document: utf8(name), statement, hardware: undefined, pcrDigest: undefined };
  return { lct: idOf(name), kind: "pack", since: START, anchor, ...rest, ...change };
}

let tokens = 0;
async function newToken(): Promise<Uint8Array> {
  const hash = sha256(utf8(`token ${tokens++}`));
  const grant = { kind: "pack", context: [], succeeds: undefined } as const;
  await store.addToken({ ...grant, hash, created: START, expires: START, spentOn: undefined });
  return hash;
}

const ending = (name: string, state: Ending["state"]): Ending => ({
  lct: idOf(name),
  state,
  since: START,
  statement,
});

describe("an enrolment that is settled", () => {
  it("spends its token: whoever comes second under it, for whatever, gets nothing", async () => {
    const token = await newToken();
    expect(await store.settle(token, admission("a"), undefined)).toBe("admitted");
    expect(await store.settle(token, admission("b"), undefined)).toBe("spent");
    expect(await store.lct(idOf("b"))).toBeUndefined();
    expect(await store.settle(sha256(utf8("never granted")), admission("b"), undefined)).toBe(
      "spent",
    );
  });

  it("gives one TPM one active LCT of a kind, until that one has ended or is succeeded", async () => {
    const hardware = sha256(utf8("endorsement key"));
    const inTpm = (name: string, change: Partial<Admission> = {}) =>
      admission(name, { hardware, ...change });
    const settled = async (each: Admission, predecessor?: Ending) =>
      store.settle(await newToken(), each, predecessor);
    expect(await settled(inTpm("a"))).toBe("admitted");
    expect(await settled(inTpm("b"))).toBe("hardware-known");
    expect(await store.lct(idOf("b"))).toBeUndefined();
    expect(await settled(inTpm("b", { kind: "app" }))).toBe("admitted");
    expect(await settled(inTpm("c", { hardware: sha256(utf8("another")) }))).toBe("admitted");
    expect(await settled(inTpm("d"), ending("a", "retired"))).toBe("admitted");
    expect(await settled(inTpm("e"))).toBe("hardware-known");
    expect(await store.end(ending("d", "void"))).toBe(true);
    expect(await settled(inTpm("f"))).toBe("admitted");
  });
});

it("holds so many challenges and no more, one for each token, until they have expired", async () => {
  const challenge = (name: string, expires = START): PendingEnrolment => ({
    id: new Uint8Array(16),
    lct: idOf(name),
    expires,
    request: utf8("request"),
    challenge: utf8("challenge"),
    salt: new Uint8Array(32),
    genesisBody: utf8("genesis body"),
    secretHash: undefined,
    hardware: undefined,
    why: "a test",
  });
  const [one, two] = [await newToken(), await newToken()];
  const limits = { most: 1, now: START };
  expect(await store.keepPending(one, challenge("a"), limits)).toBe("kept");
  expect(await store.keepPending(two, challenge("b"), limits)).toBe("full");
  expect(await store.keepPending(one, challenge("c"), limits)).toBe("kept");
  expect((await store.outstanding()).map(({ lct }) => lct)).toEqual([idOf("c")]);
  const later = millis(START + 1);
  expect(await store.keepPending(two, challenge("b", later), { most: 1, now: later })).toBe("kept");
  expect((await store.outstanding()).map(({ lct }) => lct)).toEqual([idOf("b")]);
});
