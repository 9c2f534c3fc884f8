/**
 * A group of packs' growth in one transaction. Rows are locked in one order by everyone, packs before modules: two workers
 * on the same packs wait for each other, and the second one finds the position moved.
 */
import { concatBytes, InvariantViolation } from "@wattseal/base";
import { encodeBundle } from "@wattseal/tlog";
import type { PackName } from "@wattseal/uplink";
import { recordsOf } from "../../receipts/growth.js";
import type { SignHead } from "../../receipts/port.js";
import { samePosition } from "../../worker/pack-log.js";
import type { PackCommit, StoredPosition, StoredReceipt } from "../port.js";
import { blob, integer, split, text } from "../row.js";
import type { Parameter, Session } from "./database.js";
import { growRows, type PackGrowth } from "./folds.js";
import { growReceiptLog } from "./receipts.js";
import { type PackStay, storeStays } from "./stays.js";
import { insertRows, valueLists } from "./values.js";

/** A pack's row, locked, as this transaction has it so far. */
interface LockedPack {
  readonly id: number;
  position: StoredPosition;
  /** Undefined: as it was. */
  receipt: StoredReceipt | undefined;
  fold: { readonly version: number; readonly size: number };
  /** Undefined: as it was. */
  summary: string | undefined;
  moved: boolean;
}

export async function commitGroup(
  session: Session,
  group: readonly PackCommit[],
  sign?: SignHead,
): Promise<("stored" | "conflict")[]> {
  await enterNew(session, group);
  const packs = await lockPacks(session, group);
  const taken: { readonly id: number; readonly commit: PackCommit }[] = [];
  const folded: PackGrowth[] = [];
  const outcomes = group.map((commit) => {
    const pack = packs.get(commit.pack);
    if (pack === undefined || !samePosition(pack.position, commit.previous)) return "conflict";
    pack.position = commit.next;
    pack.receipt = commit.receipt ?? pack.receipt;
    pack.moved = true;
    taken.push({ id: pack.id, commit });
    if (takeFold(pack, commit)) folded.push({ id: pack.id, growth: commit.fold });
    return "stored";
  });
  await movePacks(
    session,
    [...packs.values()].filter(({ moved }) => moved),
  );
  const bundles = taken.flatMap(({ id, commit }) =>
    commit.leaves.map(({ first, leaves }) => [id, first, leaves.length, encodeBundle(leaves)]),
  );
  await insertRows(session, "wattseal.bundle (pack, first, count, data)", bundles);
  const heads = taken.flatMap(({ id, commit }) =>
    commit.heads.map(({ size, root }) => [id, size, root]),
  );
  await insertRows(session, "wattseal.head (pack, size, root)", heads);
  const stays = taken.flatMap(({ id, commit }): PackStay[] =>
    commit.stays.map((stay) => ({ id, pack: commit.pack, stay })),
  );
  if (stays.length > 0) await storeStays(session, stays);
  await growRows(session, folded);
  await growReceiptLog(session, recordsOf(taken.map(({ commit }) => commit)), sign);
  return outcomes;
}

/** False: the folds are behind the log, or of another version, and are brought up from the leaves. */
function takeFold(pack: LockedPack, { previous, next, fold }: PackCommit): boolean {
  const isNew = previous.size === 0;
  if (pack.fold.size !== previous.size || !(isNew || pack.fold.version === fold.version))
    return false;
  pack.fold = { version: fold.version, size: next.size };
  pack.summary = JSON.stringify(fold.summary);
  return true;
}

/** Packs of which a commit says that they are new; a row that another worker has just entered is waited for. */
async function enterNew(session: Session, group: readonly PackCommit[]): Promise<void> {
  const names = namesOf(group.filter(({ previous }) => previous.size === 0));
  if (names.length === 0) return;
  await session.run(
    `INSERT INTO wattseal.pack (name, size, nodes)
      SELECT name, 0, '' FROM unnest($1::text[]) AS new (name) ORDER BY name ON CONFLICT DO NOTHING`,
    [names],
  );
}

async function lockPacks(
  session: Session,
  group: readonly PackCommit[],
): Promise<ReadonlyMap<PackName, LockedPack>> {
  const rows = await session.all(
    "SELECT id, name, size, nodes, fold_version, fold_size FROM wattseal.pack WHERE name = ANY ($1) ORDER BY name FOR UPDATE",
    [namesOf(group)],
  );
  const byName = new Map(rows.map((row) => [text(row, "name"), row]));
  const packs = new Map<PackName, LockedPack>();
  for (const { pack } of group) {
    const row = byName.get(pack);
    if (row === undefined || packs.has(pack)) continue;
    const position = { size: integer(row, "size"), nodes: split(blob(row, "nodes")) };
    packs.set(pack, {
      id: integer(row, "id"),
      position,
      receipt: undefined,
      fold: { version: integer(row, "fold_version"), size: integer(row, "fold_size") },
      summary: undefined,
      moved: false,
    });
  }
  return packs;
}

const MOVED = ["bigint", "bigint", "bytea", "bigint", "text", "integer", "bigint", "text"];

async function movePacks(session: Session, packs: readonly LockedPack[]): Promise<void> {
  const rows = packs.map(({ id, position, receipt, fold, summary }): Parameter[] => [
    id,
    position.size,
    concatBytes(...position.nodes),
    receipt?.size ?? null,
    receipt?.text ?? null,
    fold.version,
    fold.size,
    summary ?? null,
  ]);
  let moved = 0;
  for (const list of valueLists(rows, MOVED)) {
    moved += await session.run(
      `UPDATE wattseal.pack SET size = new.size, nodes = new.nodes,
          receipt_size = coalesce(new.receipt_size, pack.receipt_size), receipt = coalesce(new.receipt, pack.receipt),
          fold_version = new.fold_version, fold_size = new.fold_size, summary = coalesce(new.summary, pack.summary)
        FROM (VALUES ${list.text}) AS new (id, size, nodes, receipt_size, receipt, fold_version, fold_size, summary) WHERE pack.id = new.id`,
      list.values,
    );
  }
  if (moved !== packs.length) {
    throw new InvariantViolation(`${moved} of ${packs.length} locked packs were moved`);
  }
}

function namesOf(group: readonly PackCommit[]): PackName[] {
  return [...new Set(group.map(({ pack }) => pack))].sort();
}
