import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** One row of the table in docs/architecture.md. */
export interface PackageRow {
  /** Folder under packages/; `@wattseal/<name>`, and `wattseal` for the program itself. */
  readonly name: string;
  /** What it may import: a package with all its exports, or one export of it (`lct-keys/verify`). */
  readonly imports: ReadonlySet<string>;
  /** Exports that a browser can load: `.`, `./verify`, … */
  readonly browserExports: readonly string[];
}

const HEADING = "| package | holds | may import | exports a browser can load |";

/** The import table, from its one home. Throws when the document no longer holds one. */
export function readImportTable(): readonly PackageRow[] {
  const lines = readFileSync(join(root, "docs", "architecture.md"), "utf8").split("\n");
  const start = lines.indexOf(HEADING);
  if (start === -1) throw new Error(`docs/architecture.md has no table headed "${HEADING}"`);
  const rows = lines.slice(start + 2);
  const length = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, length === -1 ? rows.length : length).map(parseRow);
}

function parseRow(line: string): PackageRow {
  const cells = line.split("|").slice(1, -1);
  if (cells.length !== 4) throw new Error(`not a row of four cells: ${line}`);
  const [name = "", , imports = "", browserExports = ""] = cells;
  return {
    name: only(codeWords(name), line),
    imports: new Set(codeWords(imports)),
    browserExports: codeWords(browserExports),
  };
}

function codeWords(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
}

function only(words: readonly string[], line: string): string {
  const [word] = words;
  if (word === undefined || words.length !== 1) throw new Error(`no package name in: ${line}`);
  return word;
}
