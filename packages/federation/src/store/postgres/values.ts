import type { Parameter, Session } from "./database.js";

/** A statement carries at most 65,535 parameters (protocol 3.0, Bind: Int16). */
const MAX_PARAMETERS = 60_000;

export interface ValueList {
  /** ($1, $2), ($3, $4) … */
  readonly text: string;
  readonly values: readonly Parameter[];
}

/**
 * Rows for VALUES, in as many statements as they need. `types` are those of a row's columns, for where the statement
 * around it does not say them.
 */
export function valueLists(
  rows: readonly (readonly Parameter[])[],
  types: readonly string[] = [],
): ValueList[] {
  const width = rows[0]?.length ?? 1;
  const most = Math.floor(MAX_PARAMETERS / width);
  const lists: ValueList[] = [];
  for (let from = 0; from < rows.length; from += most) {
    const part = rows.slice(from, from + most);
    const text = part.map((row, r) => `(${row.map((_, c) => mark(r * width + c, types[c]))})`);
    lists.push({ text: text.join(", "), values: part.flat() });
  }
  return lists;
}

function mark(index: number, type: string | undefined): string {
  return `$${index + 1}${type === undefined ? "" : `::${type}`}`;
}

/** Inserts `into` a table and its columns, as `wattseal.pack (name, size)`, however many rows there are. */
export async function insertRows(
  session: Session,
  into: string,
  rows: readonly (readonly Parameter[])[],
): Promise<void> {
  for (const list of valueLists(rows)) {
    await session.run(`INSERT INTO ${into} VALUES ${list.text}`, list.values);
  }
}
