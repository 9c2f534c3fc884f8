import { createInterface } from "node:readline/promises";
import { CliError } from "../errors.js";

/** What is done for good, and how its doing is asked for. */
export interface Consent {
  /** A noun phrase without a full stop: what is about to be done. */
  readonly plan: string;
  /** As asked on a terminal, without its question mark. */
  readonly question: string;
  /** As `--yes` does it. */
  readonly done: string;
  /** Standard input is for something else. */
  readonly taken?: boolean;
}

/** Asks on a terminal. Throws CliError `usage` for a no, and where nobody can be asked. */
export async function requireYes({ plan, question, done, taken = false }: Consent): Promise<void> {
  if (!process.stdin.isTTY || taken) {
    throw new CliError("usage", `${plan}. Say --yes to have it ${done}.`);
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${plan}. ${question}? [y/N] `);
  lines.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError("usage", `Nothing was ${done}.`);
}
