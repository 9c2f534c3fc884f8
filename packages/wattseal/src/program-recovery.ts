import { type Command, Option } from "commander";
import { parseDuration } from "./commands/duration.js";
import { rebuildCommand } from "./commands/federation-rebuild.js";
import { restoreCommand } from "./commands/ledger-restore.js";
import { example, type Report } from "./program-help.js";

const listed = (text: string, before: readonly string[] = []) => [...before, text];

const RESTORE_NOTES = `
The copy is made beside the log and verified to its last byte before it takes the log's place; what was there is moved
aside. It has to reach every signed head that is known of: the signer's, the old folder's, the federations'.
Exit status: 0 the gateway can be started; 1 not from these copies, and nothing was changed; 2 wrong usage; 3 a copy is
damaged, or no federation answers.
`;

/** `wattseal ledger restore` */
export function addRestore(ledger: Command, report: Report): void {
  ledger
    .command("restore")
    .description(
      "get a lost or damaged log back from a federation or a backup; the gateway is stopped",
    )
    .requiredOption("--state <dir>", "state folder of the gateway")
    .requiredOption(
      "--from <url|folder>",
      "query API of a federation, or a copy's folder; may be given several times",
      listed,
    )
    .option("--token <file>", "token of the query API")
    .option("--ca <file>", "PEM of the authority that signed the query API's certificate")
    .option(
      "--nothing-newer",
      "your word that nobody holds a newer signed head, where the signer's own state was lost",
      false,
    )
    .option("--json", "print one JSON object", false)
    .addHelpText("after", RESTORE_NOTES)
    .addHelpText(
      "after",
      example(
        "ledger restore --state ./pack --from https://fleet.example:8480 --token query.token",
      ),
    )
    .action(async (options) => report(await restoreCommand(options)));
}

const REBUILD_NOTES = `
The federation is stopped: this runs in its place, first on the copies, then on what its packs send, which is all that they have
not pruned. It ends when nothing that is missing has come for as long as --wait says, or at Ctrl-C. Every entry is verified as a
pack's is.
Exit status: 0 nothing is known to be missing; 1 something is, and is named; 2 wrong usage; 3 broker, store or copy failed.
`;

/** `wattseal federation rebuild` */
export function addRebuild(federation: Command, report: Report): void {
  federation
    .command("rebuild")
    .description("fill a lost store again: from copies, and from the packs themselves")
    .requiredOption("--state <dir>", "state folder of the federation")
    .option(
      "--from <url|folder>",
      "query API of another federation, a log's folder, or a folder of such; may be given several times",
      listed,
    )
    .option("--token <file>", "token of the query API")
    .option("--ca <file>", "PEM of the authority that signed the query API's certificate")
    .option("--port <n>", "port of the embedded broker")
    .addOption(
      new Option("--wait <duration>", "how long nothing that is missing may come")
        .argParser(parseDuration)
        .default(60_000, "60s"),
    )
    .option("--no-wait", "do not wait for packs: copies alone")
    .option("--json", "print one JSON object", false)
    .addHelpText("after", REBUILD_NOTES)
    .addHelpText("after", example("federation rebuild --state ./fleet --from /mnt/backups/logs"))
    .action(async ({ from = [], wait, ...options }) =>
      report(await rebuildCommand({ ...options, from, wait: wait === false ? 0 : wait })),
    );
}
