import { type Command, Option } from "commander";
import { parseNonce } from "./commands/identity-attest.js";
import { listCommand, showCommand } from "./commands/ledger.js";
import { auditCommand } from "./commands/ledger-audit.js";
import { backupCommand } from "./commands/ledger-backup.js";
import { compareCommand } from "./commands/ledger-compare.js";
import { evidenceCommand } from "./commands/ledger-evidence.js";
import { exportCommand, parseTime } from "./commands/ledger-export.js";
import { pruneCommand } from "./commands/ledger-prune.js";
import { repairCommand } from "./commands/ledger-repair.js";
import { prove } from "./commands/prove.js";
import { verify } from "./commands/verify.js";
import { FORMATS } from "./export/formats.js";
import { addResolve } from "./program-control.js";
import { example, type Report } from "./program-help.js";
import { addRestore } from "./program-recovery.js";

const stateOfLog = () =>
  new Option("--state <dir>", "state folder whose gateway's log it is").conflicts("log");

/** What reads, checks and exports a log, and what it gave out. */
export function addRecord(wattseal: Command, report: Report): void {
  wattseal
    .command("verify <file>")
    .description("check an exported proof, the evidence of an interval, or an attestation, offline")
    .option(
      "--trust <file>",
      "accepted authorities and witnesses; without it: self-consistent only",
    )
    .option(
      "--recording <file>",
      "of evidence: look for its PDUs in a recording of the bus (.log, .asc, .pcap)",
    )
    .option(
      "--nonce <hex>",
      "of an attestation: what was asked with, or it may be an old one",
      parseNonce,
    )
    .option("--json", "print one JSON object", false)
    .addHelpText("after", example("verify interval-42.proof --trust trust.json"))
    .action(async (file, options) => report(await verify(file, options)));
  wattseal
    .command("prove <entry>")
    .description("write one entry with everything that proves it into a file")
    .requiredOption("--log <path>", "folder of the log")
    .option("--out <file>", "file to write (default: entry-<n>.proof)")
    .option("--json", "print one JSON object", false)
    .addHelpText("after", example("prove 42 --log ./pack/gateway/log"))
    .action(async (entry, options) => report(await prove(entry, options)));
  const ledger = wattseal
    .command("ledger")
    .description("read, audit and settle a log")
    .addHelpText("after", example("ledger list ./pack/gateway/log"));
  addResolve(ledger, report);
  ledger
    .command("list <path>")
    .description("a line for each entry")
    .option("--type <type>", "only entries of this type, such as energy.interval")
    .option("--from <n>", "first entry (default: the lowest that is here, 0 unless pruned)")
    .option("--json", "a JSON object for each entry", false)
    .addHelpText("after", example("ledger list ./pack/gateway/log --type energy.window"))
    .action(async (path, options) => report(await listCommand(path, options)));
  ledger
    .command("show <path> <entry>")
    .description("one entry, whole")
    .option("--json", "one JSON object", false)
    .addHelpText("after", example("ledger show ./pack/gateway/log 42"))
    .action(async (path, entry, options) => report(await showCommand(path, entry, options)));
  ledger
    .command("audit <path>")
    .description(
      "replay a log from where it begins and recompute everything; names the first difference",
    )
    .option(
      "--trust <file>",
      "accepted authorities and witnesses; without it: self-consistent only",
    )
    .option("--json", "one JSON object", false)
    .addHelpText(
      "after",
      example("ledger audit ./pack/gateway/log --trust ./pack/gateway/trust.json"),
    )
    .action(async (path, options) => report(await auditCommand(path, options)));
  ledger
    .command("compare <path...>")
    .description("audit logs of several packs and name modules whose counters two of them claim")
    .option(
      "--trust <file>",
      "accepted authorities and witnesses; without it: self-consistent only",
    )
    .option("--json", "one JSON object", false)
    .addHelpText("after", example("ledger compare ./pack-a/gateway/log ./pack-b/gateway/log"))
    .action(async (paths, options) => report(await compareCommand(paths, options)));
  ledger
    .command("backup <dest>")
    .description("copy a log into a new folder while its gateway goes on, and read the copy back")
    .addOption(stateOfLog())
    .option("--log <path>", "instead: folder of the log")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nA copy that was cut short is marked, and no command takes it for a log: remove it and begin again.\nA backup is older than its log: put back in the log's place, the signer refuses to go on from it.\n",
    )
    .addHelpText("after", example("ledger backup /mnt/usb/pack-log --state ./pack"))
    .action(async (dest, options) => report(await backupCommand(dest, options)));
  ledger
    .command("repair")
    .description("mend a damaged log from a copy of it; the gateway is stopped")
    .addOption(stateOfLog())
    .option("--log <path>", "instead: folder of the log")
    .requiredOption("--from <copy>", "another folder of the same log, such as a backup of it")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nWhat is replaced is kept in a folder damaged-1, damaged-2, … in the log's.\nExit status: 0 the log verifies again; 1 the copy does not bring back everything signed, or is of another log: nothing was changed; 3 the copy is damaged, or the disk failed.\n",
    )
    .addHelpText("after", example("ledger repair --state ./pack --from /mnt/usb/pack-log"))
    .action(async (options) => report(await repairCommand(options)));
  addRestore(ledger, report);
  ledger
    .command("prune")
    .description(
      "remove entries that a witness has, up to a snapshot of the books; the gateway is stopped",
    )
    .requiredOption("--state <dir>", "state folder of the gateway")
    .requiredOption(
      "--before <entry|time>",
      "what may go: below this entry, or dated before this time, such as 2026-11-20 (UTC)",
    )
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nRemoved is what lies below the last ops.snapshot entry that the receipt covers and the coming daily record\nallows. The federation then has the only copy of it, which an export that sums up from entry 0 needs. What stays can be proven.\n",
    )
    .addHelpText("after", example("ledger prune --state ./pack --before 2026-11-20"))
    .action(async (options) => report(await pruneCommand(options)));
  ledger
    .command("evidence <entry>")
    .description("derive an interval again from the readings that the gateway kept")
    .requiredOption("--state <dir>", "state folder of the gateway")
    .option("--log <path>", "another copy of its log, such as one from before it was pruned")
    .option("--out <file>", "write one file with which others can do the same: wattseal verify")
    .option(
      "--trust <file>",
      "accepted authorities and witnesses; without it: self-consistent only",
    )
    .option("--json", "one JSON object", false)
    .addHelpText(
      "after",
      "\nExit status 1: a field differs, or not all of its readings are kept any more. docs/evidence.md says what it proves.\n",
    )
    .addHelpText("after", example("ledger evidence 42 --state ./pack --out 42.evidence"))
    .action(async (entry, options) => report(await evidenceCommand(entry, options)));
  ledger
    .command("export <path>")
    .description("rows for other programs, each with the entries and the signed head that back it")
    .addOption(
      new Option("--format <format>", "what to write; docs/exports.md says what each number is")
        .choices(FORMATS)
        .makeOptionMandatory(),
    )
    .option("--from <time>", "periods that end after this, such as 2026-11-20 (UTC)", parseTime)
    .option("--to <time>", "periods that end by this", parseTime)
    .option("--out <file>", "file to write, whole or not at all (default: standard output)")
    .option(
      "--trust <file>",
      "accepted authorities; without it entry 0's issuer is taken at its word",
    )
    .option("--state <dir>", "state folder whose anchor signs OCMF records that the log lacks")
    .addHelpText("after", example("ledger export ./pack/gateway/log --format csv --out energy.csv"))
    .action(async (path, options) => report(await exportCommand(path, options)));
}
