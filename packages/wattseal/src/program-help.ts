/** Takes the exit status of the command that ran. */
export type Report = (status: number) => void;

/** An example for the end of a command's help; `text` is what follows the program's name. */
export const example = (text: string) => `\nExample:\n  $ wattseal ${text}\n`;
