import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { ChatClient } from "../chat/client.ts";
import { Conversation, converse } from "../chat/conversation.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, kindNamed, rootCondition, title } from "../kinds.ts";
import { namespaceOption, type PlaceOptions, positiveInteger, stateOption, temperature, withHelp } from "../options.ts";
import { findObject, withSession } from "../session.ts";

interface ChatOptions extends PlaceOptions {
  message?: string;
  system?: string;
  keyFile?: string;
  maxTokens?: number;
  temperature?: number;
}

export function chatCommand(): Command {
  const command = new Command("chat")
    .description("talk to the model that an InferenceDeployment serves")
    .argument("<name>", "name of the InferenceDeployment")
    .option("-m, --message <text>", "one message; its answer is printed and the command ends")
    .option("--system <text>", "system message the conversation begins with")
    .option("--key-file <file>", "file with the API key, where the deployment asks for one")
    .option("--max-tokens <n>", "longest answer in tokens", positiveInteger)
    .option(
      "--temperature <t>",
      "0 takes the likeliest token, 1 samples as the model says (default: the endpoint's, 1)",
      temperature,
    )
    .addOption(namespaceOption())
    .addOption(stateOption())
    .action(chat);
  return withHelp(command, [
    "tanren chat assistant",
    'tanren chat assistant -m "日本の首都はどこですか。"',
    "tanren chat assistant --key-file key.txt --max-tokens 200 --temperature 0",
  ]);
}

async function chat(name: string, options: ChatOptions): Promise<void> {
  const reference = { kind: kindNamed("inferencedeployment"), name };
  const deployment = await withSession(options.state, ({ cluster }) =>
    findObject(cluster, reference, options.namespace),
  );
  const client = new ChatClient(
    urlOf(deployment),
    options.keyFile === undefined ? undefined : await keyIn(options.keyFile),
  );
  const conversation = new Conversation(client, await client.model(), options);
  if (options.message !== undefined) return conversation.say(options.message, (text) => process.stdout.write(text));
  if (process.stdin.isTTY) return converse(conversation, { input: process.stdin, output: process.stdout });
  throw new Failure("usage", "standard input is no terminal: give the message with --message TEXT");
}

function urlOf(deployment: AnyObject): string {
  const root = rootCondition(deployment);
  // While a new artifact is rolled out, or a replica is away, the rest goes on serving.
  if (deployment.status?.url !== undefined && (deployment.status.readyReplicas ?? 0) > 0) return deployment.status.url;
  const why = root ? `${root.reason}: ${root.message}` : "the operator has not looked at it yet";
  throw new Failure(
    "failed",
    `${title(deployment)} is not ready (${why}); see "tanren describe infd ${deployment.metadata.name}"`,
  );
}

async function keyIn(file: string): Promise<string> {
  const key = (await readFile(file, "utf8").catch(() => "")).trim();
  if (key === "") throw new Failure("notFound", `--key-file ${file}: the file cannot be read or holds no key`);
  return key;
}
