import type { Command } from "commander";
import { expect, it } from "vitest";
import { program } from "./program.js";

const paths = (command: Command, before = ""): [string, Command][] =>
  command.commands.flatMap((one) => {
    const path = `${before}${one.name()}`;
    return [[path, one], ...paths(one, `${path} `)];
  });
const commands = paths(program(() => {}));

it.each(commands)("wattseal %s --help ends with an example", (path, command) => {
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  const [, shown] = /\nExample:\n {2}\$ wattseal ([\s\S]+)\n+$/.exec(text) ?? [];
  expect(shown).toMatch(new RegExp(`^${path.replace(/ run$/, "")} `));
});

it.each(commands)("wattseal %s takes each default as its help shows it", (_, command) => {
  for (const option of command.options) {
    if (option.parseArg === undefined || option.defaultValue === undefined) continue;
    const shown = option.defaultValueDescription ?? String(option.defaultValue);
    expect(option.parseArg(shown, undefined)).toEqual(option.defaultValue);
  }
});
