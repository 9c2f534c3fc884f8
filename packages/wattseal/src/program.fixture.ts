/** The program in this process, with what it prints. */
import { program } from "./program.js";

export async function runProgram(...words: string[]) {
  let status: number | undefined;
  const said: string[] = [];
  const { write } = process.stdout;
  process.stdout.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
  try {
    const command = program((code) => {
      status = code;
    });
    for (const sub of command.commands.flatMap((one) => [one, ...one.commands])) {
      sub.configureOutput({ writeErr: () => {} });
    }
    await command.parseAsync(["node", "wattseal", ...words]);
  } finally {
    process.stdout.write = write;
  }
  return { status, stdout: said.join("") };
}
