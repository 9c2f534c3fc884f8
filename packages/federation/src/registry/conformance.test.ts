/** What every registry store does, whatever it keeps its rows in. */
import { type LctId, lctId, millis, sha256, utf8 } from "@wattseal/base";
import type { PendingEnrolment } from "@wattseal/lct-keys";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PostgresServer, postgresMissing } from "../../../../scripts/lib/postgres.mjs";
import { START, temporaryDirectory } from "../fleet.fixture.js";
import type { Admission, Ending, RegistryStore } from "./port.js";
import { PostgresRegistryStore } from "./postgres.js";
import { SqliteRegistryStore } from "./sqlite.js";

const missing = postgresMissing();
const without = missing === undefined ? "" : ` (skipped: ${missing})`;
let server: PostgresServer | undefined;
beforeAll(async () => {
  if (missing === undefined) server = await PostgresServer.start();
}, 120_000);
afterAll(() => server?.close(), 120_000);

/** A new, empty one, and as many processes' ways into it as it has. */
interface Bed {
  readonly stores: readonly [RegistryStore, ...RegistryStore[]];
  close(): Promise<void>;
}

async function sqliteBed(): Promise<Bed> {
  const directory = temporaryDirectory();
  const store = await SqliteRegistryStore.open(directory.path);
  const close = async () => {
    await store.close();
    directory.remove();
  };
  return { stores: [store], close };
}

async function postgresBed(): Promise<Bed> {
  const url = (await server?.createDatabase()) ?? "";
  const stores = [
    await PostgresRegistryStore.open({ url }),
    await PostgresRegistryStore.open({ url }),
  ] as const;
  const close = async () => {
    for (const store of stores) await store.close();
  };
  return { stores, close };
}

const idOf = (name: string): LctId => lctId(`lct:pack:${name.repeat(32)}`);
const statement = utf8("statement");

function admission(name: string, change: Partial<Admission> = {}): Admission {
  const anchor = sha256(utf8(name));
  const rest = { document: utf8(name), statement, hardware: undefined, pcrDigest: undefined };
  return { lct: idOf(name), kind: "pack", since: START, anchor, ...rest, ...change };
}

let store: RegistryStore;
let tokens = 0;
async function newToken(): Promise<Uint8Array> {
  const hash = sha256(utf8(`token ${tokens++}`));
  const grant = { kind: "pack", context: [], succeeds: undefined } as const;
  await store.addToken({ ...grant, hash, created: START, expires: START, spentOn: undefined });
  return hash;
}

const evidenceOf = (name: string, i: number) => ({
  lct: idOf(name),
  kind: "checkpoint",
  size: 7,
  payload: Uint8Array.of(i),
  receipt: "receipt",
});

const ending = (name: string, state: Ending["state"]): Ending => ({
  lct: idOf(name),
  state,
  since: START,
  statement,
});

const KINDS = [
  { name: "SQLite", open: sqliteBed, isSkipped: false },
  { name: `PostgreSQL${without}`, open: postgresBed, isSkipped: missing !== undefined },
];

for (const { name: kind, open, isSkipped } of KINDS)
  describe.skipIf(isSkipped)(`a registry in ${kind}`, () => {
    let bed: Bed;
    beforeEach(async () => {
      bed = await open();
      [store] = bed.stores;
    });
    afterEach(() => bed.close());

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
      expect(await store.keepPending(two, challenge("b", later), { most: 1, now: later })).toBe(
        "kept",
      );
      expect((await store.outstanding()).map(({ lct }) => lct)).toEqual([idOf("b")]);
    });

    describe("a standing", () => {
      it("comes with its document and statements, and ends once", async () => {
        expect(await store.admit(admission("a"))).toBe(true);
        expect(await store.admit(admission("a"))).toBe(false);
        expect(await store.end(ending("b", "void"))).toBe(false);
        expect(await store.endedCount()).toBe(0);
        expect(await store.end({ ...ending("a", "void"), statement: utf8("the end") })).toBe(true);
        expect(await store.end(ending("a", "slashed"))).toBe(false);
        expect(await store.lct(idOf("a"))).toEqual({
          lct: idOf("a"),
          kind: "pack",
          state: "void",
          since: START,
          document: utf8("a"),
          statements: [statement, utf8("the end")],
        });
        expect(await store.ended()).toEqual([{ lct: idOf("a"), state: "void" }]);
        expect(await store.endedCount()).toBe(1);
      });

      it("is slashed with what it is slashed for, known or not; sixteen pieces are kept, each once", async () => {
        for (let i = 0; i < 20; i += 1) {
          const piece = evidenceOf("a", i);
          const slashed = await store.slash(ending("a", "slashed"), piece, admission("a"));
          expect(slashed).toBe(i === 0);
          await store.slash(ending("a", "slashed"), piece, admission("a"));
        }
        expect(await store.evidence(idOf("a"))).toHaveLength(16);
        expect(await store.evidence(idOf("a"))).toContainEqual(evidenceOf("a", 0));
        expect((await store.lct(idOf("a")))?.statements).toHaveLength(2);
      });

      it("is listed in the order of the ids, a page at a time", async () => {
        for (const name of ["c", "a", "b"]) await store.admit(admission(name));
        const names = async (after: string, limit: number) =>
          (await store.lcts(after, limit)).map(({ lct }) => lct);
        expect(await names("", 2)).toEqual([idOf("a"), idOf("b")]);
        expect(await names(idOf("b"), 2)).toEqual([idOf("c")]);
      });
    });

    it("tells a token as it was granted, and what it was spent on", async () => {
      const hash = await newToken();
      expect(await store.token(sha256(utf8("never granted")))).toBeUndefined();
      expect(await store.token(hash)).toEqual({
        hash,
        kind: "pack",
        context: [],
        succeeds: undefined,
        created: START,
        expires: START,
        spentOn: undefined,
      });
      await store.settle(hash, admission("a"), undefined);
      expect(await store.tokens()).toMatchObject([{ hash, spentOn: idOf("a") }]);
    });

    it("gives one of many who come at once under one token, or with one TPM, what there is", async () => {
      const hash = await newToken();
      const stores = Array.from(
        { length: 8 },
        (_, i) => bed.stores[i % bed.stores.length] ?? store,
      );
      const letters = [..."abcdefgh"];
      const spent = await Promise.all(
        stores.map((each, i) => each.settle(hash, admission(letters[i] ?? ""), undefined)),
      );
      expect(spent.filter((outcome) => outcome === "admitted")).toHaveLength(1);
      expect(spent.filter((outcome) => outcome === "spent")).toHaveLength(7);
      const hardware = sha256(utf8("endorsement key"));
      const tokens: Uint8Array[] = [];
      for (let i = 0; i < stores.length; i += 1) tokens.push(await newToken());
      const inOneTpm = await Promise.all(
        stores.map((each, i) => {
          const made = admission([..."ijklmnop"][i] ?? "", { hardware });
          return each.settle(tokens[i] ?? hash, made, undefined);
        }),
      );
      expect(inOneTpm.filter((outcome) => outcome === "admitted")).toHaveLength(1);
      expect(inOneTpm.filter((outcome) => outcome === "hardware-known")).toHaveLength(7);
      const ends = await Promise.all(
        stores.map((each, i) =>
          each.slash(ending("q", "slashed"), evidenceOf("q", i), admission("q")),
        ),
      );
      expect(ends.filter((isEnded) => isEnded)).toHaveLength(1);
      expect((await store.lct(idOf("q")))?.statements).toHaveLength(2);
    });
  });
