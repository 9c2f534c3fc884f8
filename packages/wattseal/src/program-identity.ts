import { type Command, Option } from "commander";
import { parsePercent } from "./commands/energy.js";
import { attest, parseNonce } from "./commands/identity-attest.js";
import {
  issue,
  parseBinding,
  parseClass,
  parseHalf,
  parseKind,
  parseLink,
  parseUid,
} from "./commands/identity-issue.js";
import { retireIdentity } from "./commands/identity-retire.js";
import { showIdentity } from "./commands/identity-show.js";
import { controls, example, type Report } from "./program-help.js";
import { addVoid } from "./program-registry.js";
import { parseTpmAddress } from "./tpm/address.js";

const listed = (text: string, before: readonly string[] = []) => [...before, text];

/** `wattseal identity`: LCT documents and what became of them (docs/identity.md). */
export function addIdentity(wattseal: Command, report: Report): void {
  const identity = wattseal
    .command("identity")
    .description("identities (LCTs): issue, show, attest, void, retire (docs/identity.md)")
    .addHelpText("after", example("identity show --state ./pack"));
  addIssue(identity, report);
  addVoid(identity, report);
  addRetire(identity, report);
  controls(identity.command("attest"))
    .description("have a running gateway's anchor say who it is and which boot it runs in")
    .addOption(
      new Option("--nonce <hex>", "of whoever asks: 32 digits at least that nobody could foresee")
        .argParser(parseNonce)
        .makeOptionMandatory(),
    )
    .option("--out <file>", "file to write (default: attestation-<nonce>.cbor)")
    .addHelpText(
      "after",
      "\nExit status: 0 it answered; 2 wrong usage; 3 no gateway answers, or its TPM does not. What the answer is worth, wattseal verify says.\n",
    )
    .addHelpText(
      "after",
      example('identity attest --state ./pack --nonce "$(openssl rand -hex 32)"'),
    )
    .action(async (options) => report(await attest(options)));
  identity
    .command("show")
    .description("what a document says, checked; with --state also its log's epochs and the anchor")
    .argument("[file]", "an LCT document")
    .addOption(new Option("--state <dir>", "instead: state folder of a gateway"))
    .option(
      "--trust <file>",
      "accepted authorities and witnesses; without it: self-consistent only",
    )
    .option("--registry <url>", "ask this registry too what became of it")
    .option("--ca <file>", "certificate of the registry's authority, PEM")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExit status: 0 it holds; 1 it does not, its issuer is not trusted, or it is void, slashed or retired; 2 wrong usage; 3 a file is damaged, or no registry answers.\n",
    )
    .addHelpText("after", example("identity show --state ./pack --trust ./pack/gateway/trust.json"))
    .action(async (file, options) => report(await showIdentity(file, options)));
}

function addIssue(identity: Command, report: Report): void {
  identity
    .command("issue")
    .description("sign a document for an app, a module, a policy, a person, …")
    .addOption(
      new Option("--kind <kind>", "app, agent, module, pack, person, policy, society or source")
        .argParser(parseKind)
        .makeOptionMandatory(),
    )
    .requiredOption("--authority <file>", "key file of the authority that signs")
    .option("--anchor <file>", "public key on P-256, PEM: all but a module and a policy have one")
    .option("--half <hex>", "of a module: its public device half, 64 hexadecimal digits", parseHalf)
    .option("--uid <hex>", "of a module: its unique id, 16 hexadecimal digits", parseUid)
    .option("--label <digits>", "of a module: the label printed on it, five groups at least")
    .option("--text <file>", "of a policy: its words, at most 4,096 characters")
    .option(
      "--class <class>",
      "agentic, responsive or delegative (default: the kind's)",
      parseClass,
    )
    .addOption(
      new Option(
        "--binding <binding>",
        "what holds the key: secure-element, mcu, software or unknown; a TPM proves itself by enrolment",
      )
        .argParser(parseBinding)
        .default("unknown"),
    )
    .option(
      "--strength <percent>",
      "of the binding (default: the most that it can carry)",
      parsePercent,
    )
    .option("--context <text>", "where it belongs; may be given several times", listed)
    .option("--witness <text>", "LCT id or verifier key of a witness; several times", listed)
    .option(
      "--link <relation=lct>",
      "bound=, paired=, witnessing= or succeeds= with an LCT id; several times",
      parseLink,
    )
    .requiredOption("--out <file>", "file to write; never overwritten")
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      example(
        "identity issue --kind person --authority authority.pem --anchor alice.pub --context 'fleet demo' --out alice.cose\n" +
          "  $ wattseal identity issue --kind policy --authority authority.pem --text rules.txt --out rules.cose",
      ),
    )
    .action(async (options) => report(await issue(options)));
}

function addRetire(identity: Command, report: Report): void {
  identity
    .command("retire")
    .description("take out of the TPM what a state folder records there, for good; asks first")
    .requiredOption("--state <dir>", "state folder, whose gateway and signer do not run")
    .addOption(
      new Option(
        "--tpm <which>",
        "device, device:PATH or swtpm:PATH (default: as gateway.toml has it)",
      ).argParser(parseTpmAddress),
    )
    .option("--yes", "do not ask", false)
    .option("--yes-the-lct-ends", "also where a document was issued for these keys", false)
    .option("--json", "print one JSON object", false)
    .addHelpText(
      "after",
      "\nExit status: 0 nothing of it is left in the TPM; 2 wrong usage, or a gateway or signer runs; 3 another TPM, or none answers.\n",
    )
    .addHelpText("after", example("identity retire --state ./refused --tpm device"))
    .action(async (options) => report(await retireIdentity(options)));
}
