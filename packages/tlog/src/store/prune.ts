import { entriesPath, TILE_WIDTH, tilePath } from "../tiles.js";
import type { StoreFiles } from "./files.js";
import { ENTRIES, TILES } from "./layout.js";

interface Kind {
  readonly directory: string;
  /** Entries that one file spans. */
  readonly span: number;
  /** Where the first file from the floor on lies: its directories stay. */
  readonly next: string;
}

function kindsAt(files: StoreFiles, floor: number): readonly Kind[] {
  const levels = files.list(TILES).filter((name) => /^\d{1,2}$/.test(name));
  const tiles = levels.map(Number).map((level) => {
    const span = TILE_WIDTH ** (level + 1);
    return {
      directory: `${TILES}/${level}`,
      span,
      next: tilePath(level, Math.floor(floor / span)),
    };
  });
  const next = entriesPath(floor / TILE_WIDTH);
  return [{ directory: ENTRIES, span: TILE_WIDTH, next }, ...tiles];
}

async function removeIn(
  files: StoreFiles,
  kind: Kind,
  floor: number,
  directory: string,
  above = 0,
) {
  let left = 0;
  for (const name of files.list(directory)) {
    const [, group, digits] = /^(x?)(\d{3})$/.exec(name) ?? [];
    const path = `${directory}/${name}`;
    const index = above * 1000 + Number(digits);
    if (digits === undefined) left += 1;
    else if (group !== "") left += await removeIn(files, kind, floor, path, index);
    else if ((index + 1) * kind.span <= floor) await files.remove(path);
    else left += 1;
  }
  if (left > 0 || directory === kind.directory || kind.next.startsWith(`${directory}/`)) return 1;
  await files.removeDirectory(directory);
  return 0;
}

/**
 * Removes bundles and tiles whose last entry lies below the floor (C2SP tlog-tiles, Pruning), and directories that
 * are empty for it. In any order and as often as it takes: the floor is durable before, so whatever a crash leaves
 * or brings back is removed at the next opening.
 */
export async function removeBelow(files: StoreFiles, floor: number): Promise<void> {
  if (floor === 0) return;
  for (const kind of kindsAt(files, floor)) await removeIn(files, kind, floor, kind.directory);
}
